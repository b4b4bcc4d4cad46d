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

/* The device does nothing of itself any more, but listens. */
void scene_quiet(struct world *w, unsigned device);

void scene_send_info(struct world *w, unsigned device);
void scene_send_liturgy(struct world *w, unsigned device);

/* These bytes have this fate at the cathedral that they go to, and nothing else happens there. */
void scene_expect_fate(struct world *w, const struct endpoint *from, const struct endpoint *to,
    const void *bytes, size_t len, enum verdict v);

/* The same for what a device made, from its own address. */
void scene_expect_packet_fate(
    struct world *w, unsigned device, const struct device_packet *packet, enum verdict v);

/* Counts what is sent to one address, whichever its port; w->tap is its. */
struct scene_watch {
	struct endpoint at;
	uint64_t packets, bytes;
};

void scene_watch(struct world *w, struct scene_watch *watch, const struct endpoint *at);

void scene_expect_verdicts(struct world *w, unsigned cathedral, enum verdict v, uint64_t count);

#endif
