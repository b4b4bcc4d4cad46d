/* SPDX-License-Identifier: ISC */
/* The first step of a packet's way: who sent it, and under which mask. */
#ifndef CATHEDRAL_RELAY_UNSHROUD_H
#define CATHEDRAL_RELAY_UNSHROUD_H

#include "cathedral/relay/pipeline.h"

/* No verdict yet: the packet goes on. */
#define VERDICT_NONE VERDICT_COUNT

/*
 * Checks size and source; for a shrouded packet finds whose identity it shows, and fills the job
 * that takes the mask off (job->out is NULL for a clear one).
 */
enum verdict unshroud_begin(struct pipeline *p, struct packet *pkt, struct kmac_job *job);

/* After the mask is off: leaves the packet alone, without header and padding. */
void unshroud_end(struct packet *pkt);

/* Whether it is known whose identity a shrouded packet shows, or can be told by its source. */
bool unshroud_knows(struct pipeline *p, struct packet *pkt);

#endif
