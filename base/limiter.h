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
/* The same for slow rates: one every interval_ns. */
struct limiter *limiter_create_interval(uint64_t interval_ns, uint32_t burst, struct random *r);
void limiter_destroy(struct limiter *l);
bool limiter_allow(struct limiter *l, const void *key, size_t len, uint64_t now_ns);

/* How long until the key that was just refused will be allowed; 0 when it would be now. */
uint64_t limiter_wait_ns(const struct limiter *l, const void *key, size_t len, uint64_t now_ns);

#endif
