/* SPDX-License-Identifier: ISC */
/* What a soak saw: a line a sample, and at the end what grew, and what should not have happened. */
#ifndef TOOLS_CATHEDRAL_LOAD_SOAK_REPORT_H
#define TOOLS_CATHEDRAL_LOAD_SOAK_REPORT_H

#include "base/fault.h"
#include "tools/cathedral-load/soak_flows.h"
#include "tools/cathedral-load/soak_site.h"

#include <stdbool.h>
#include <stdint.h>

#define SOAK_SAMPLES_MAX 100000

struct soak_report;

/* Room for so many samples is taken at once; it needs no more however long it lasts. */
struct soak_report *soak_report_create(bool json, uint64_t samples, struct fault *why);
void soak_report_destroy(struct soak_report *r); /* NULL is fine */

/*
 * A sample: prints it and keeps what is to be judged.  Those beyond the room are only printed.
 * False with the reason when a cathedral cannot be asked.
 */
bool soak_report_sample(
    struct soak_report *r, const struct soak_site *s, struct soak_flows *f, struct fault *why);

/* The process at n is another one since. */
void soak_report_changed(struct soak_report *r, enum soak_post_name n);

/* What was done besides, by the end. */
struct soak_deeds {
	double seconds;
	uint64_t reloads, takeovers;
	double longest_takeover_ms; /* from its start until the one before had ended */
	bool ended_well;
};

/* Prints the table and all bounds; whether all of them were kept. */
bool soak_report_end(
    struct soak_report *r, const struct soak_counts *counts, const struct soak_deeds *deeds);

#endif
