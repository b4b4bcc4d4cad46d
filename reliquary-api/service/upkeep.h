/* SPDX-License-Identifier: ISC */
/*
 * What is done in the background, on a thread that nobody waits for: what is due ends, in small
 * jobs of the writer's; files without owner go; the database's log is moved into it; and when
 * nobody wrote for a while, one write shows that it is possible.
 */
#ifndef RELIQUARY_API_SERVICE_UPKEEP_H
#define RELIQUARY_API_SERVICE_UPKEEP_H

#include "base/clock.h"
#include "base/fault.h"
#include "reliquary-api/handlers/settings.h"
#include "reliquary-api/service/counts.h"
#include "reliquary-api/service/writer.h"
#include "reliquary-api/store/store.h"

#include <stdint.h>

struct keeper;

struct keeper_options {
	struct store *store;
	struct writer *writer;
	struct counts *counts;
	const struct settings *settings;
	const char *bundles; /* folder */
	uint64_t account_grace_s, event_s, joins_total, disk_free_min;
	unsigned every_s;
	struct instant (*clock)(void);
};

struct keeper *keeper_create(const struct keeper_options *o, struct fault *why);

/* One round from its beginning to its end, now. */
void keeper_round(struct keeper *k);

/* Ends the thread, if need be in the midst of a round; before the writer.  NULL is fine. */
void keeper_destroy(struct keeper *k);

#endif
