/* SPDX-License-Identifier: ISC */
/*
 * Credit per key in fixed memory: keys that share a slot share its credit.  One per thread, no
 * lock.  Credit is kept as time, so nothing is rounded.
 */
#ifndef BASE_LIMITER_H
#define BASE_LIMITER_H

#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limiter;

/* rate per second, burst at once; NULL when out of memory. */
struct limiter *limiter_create(uint32_t rate, uint32_t burst, struct random *r);
void limiter_destroy(struct limiter *l);
bool limiter_allow(struct limiter *l, const void *key, size_t len, uint64_t now_ns);

#endif
