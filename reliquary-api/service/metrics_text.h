/* SPDX-License-Identifier: ISC */
/* The numbers of /metrics, in Prometheus' text format. */
#ifndef RELIQUARY_API_SERVICE_METRICS_TEXT_H
#define RELIQUARY_API_SERVICE_METRICS_TEXT_H

#include "base/clock.h"
#include "reliquary-api/http/server.h"
#include "reliquary-api/service/counts.h"
#include "reliquary-api/store/cathedrals.h"
#include "reliquary-api/store/ledger.h"

#include <stdbool.h>
#include <stdint.h>

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* More cathedrals than that have no numbers of their own. */
#define METRICS_FLEET 256

struct metrics_fleet {
	size_t count;
	int64_t now; /* when they were looked at */
	struct cathedral_row rows[METRICS_FLEET];
};

struct metrics_source {
	const struct counts *counts;
	struct server_counts server;
	struct store_totals totals;
	bool totals_known;
	const struct metrics_fleet *fleet; /* NULL: not known */
	uint64_t disk_free;
	bool disk_known;
	bool ready;
	int64_t started_s; /* Unix time */
};

/* malloc'd; NULL when out of memory. */
char *metrics_text(const struct metrics_source *m);

#endif
