/* SPDX-License-Identifier: ISC */
/* How often strangers and tenants may ask, by source; fixed memory, any thread. */
#ifndef RELIQUARY_API_AUTH_RATES_H
#define RELIQUARY_API_AUTH_RATES_H

#include "base/endpoint.h"
#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>

enum rate_class {
	RATE_REQUEST = 0, /* everything, by source; cheap and generous */
	RATE_REGISTER,
	RATE_LOGIN,
	RATE_JOIN,
	RATE_WRONG_TOKEN, /* counted only when a token was wrong */
	RATE_COUNT,       /* always last */
};

struct rate {
	uint32_t per_minute; /* 0: no limit */
	uint32_t burst;
};

struct rates;

struct rates *rates_create(const struct rate limits[static RATE_COUNT], struct random *random);
void rates_destroy(struct rates *r);

/* Takes one; false when there is none left, with *retry_after_s, at least 1. */
bool rates_take(struct rates *r, enum rate_class class, const struct endpoint *from,
    uint64_t now_ns, unsigned *retry_after_s);

#endif
