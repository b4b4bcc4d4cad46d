/* SPDX-License-Identifier: ISC */
/* What tests in a world have in common.  What does not hold fails the running test. */
#ifndef TESTS_SUPPORT_SCENE_H
#define TESTS_SUPPORT_SCENE_H

#include "tests/support/world.h"

/* Read from the environment, or drawn, and printed; the same in a whole program. */
uint64_t scene_seed(void);

/*
 * A world of so many cathedrals with a clear listener 0 (or a shrouded one: then 1 is the clear
 * one), and one flock with members 0 and up of numbers 0xa0 and up, without caps.
 */
struct world *scene_begin(unsigned cathedrals, bool shrouded, unsigned members);

/* Two members of flock 0, each on the first listener of the cathedral given. */
unsigned scene_tunnel(
    struct world *w, unsigned member, unsigned peer, unsigned cathedral, unsigned peer_cathedral);

/* Nothing happened that must never happen. */
void scene_end(struct world *w);

void scene_run_s(struct world *w, double seconds);

/* Data passes now, both ways; or not, that way. */
void scene_expect_talk(struct world *w, unsigned device);
void scene_expect_silence(struct world *w, unsigned from);

/* Both hold the secret of the current bundle. */
void scene_expect_secret(struct world *w, unsigned device);

void scene_expect_verdicts(struct world *w, unsigned cathedral, enum verdict v, uint64_t count);

#endif
