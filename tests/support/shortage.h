/* SPDX-License-Identifier: ISC */
/* A pair of devices on a stage, and ways for them to send more than there is room for. */
#ifndef TESTS_SUPPORT_SHORTAGE_H
#define TESTS_SUPPORT_SHORTAGE_H

#include "tests/support/stage.h"

/* Devices 1 and 2 of flock a, with a tunnel to each other. */
struct pair {
	struct actor one, two;
};

struct pair pair_on(struct stage *s, uint8_t listener_one, uint8_t listener_two);

/* The same at the clear listener, and both have been heard. */
struct pair known_pair(struct stage *s);

/* Before the stage opens. */
void shortage_slow_receiver(struct stage *s); /* 1 Mbit/s */
void shortage_narrow_host(struct stage *s);   /* the same, of all that is sent */
void shortage_poor_flocks(struct stage *s);   /* a megabyte a month */

/* And then the verdict of what is too much: VERDICT_RELAYED, or VERDICT_COUNT, when it was not. */
enum verdict shortage_cap(struct stage *s);
enum verdict shortage_queued(struct stage *s);
enum verdict shortage_budget_slow(struct stage *s);
enum verdict shortage_budget(struct stage *s);

#endif
