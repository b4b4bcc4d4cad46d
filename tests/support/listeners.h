/* SPDX-License-Identifier: ISC */
/*
 * Cathedrals that wait for the feed, as far as the service can tell: connections of one thread that
 * ask, and look at the clock when an answer is there whole.  For benches: what fails ends them.
 */
#ifndef TESTS_SUPPORT_LISTENERS_H
#define TESTS_SUPPORT_LISTENERS_H

#include "base/endpoint.h"

#include <stdint.h>

struct listeners;

/* Connected, as many as wanted; none is fine. */
struct listeners *listeners_open(const struct endpoint *at, unsigned count);
void listeners_close(struct listeners *l);

/* The token of one of them, 32 characters. */
void listeners_name(struct listeners *l, unsigned n, const char *token);

/* One alone reads all there is: bytes that came, and where it ended. */
double listeners_begin(struct listeners *l, uint64_t *until);

/* All go on from a number, and read what there is since then. */
void listeners_go_on(struct listeners *l, uint64_t until);

/* All ask for what comes next, and wait for it. */
void listeners_ask(struct listeners *l);

/* Until each has its answer: bytes that came to one, heads too.  Notes how long after since. */
double listeners_hear(struct listeners *l, uint64_t since_ns);

/* Of the times that were noted. */
double listeners_quantile_us(struct listeners *l, double share);
void listeners_forget_times(struct listeners *l);

#endif
