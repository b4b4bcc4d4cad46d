/* SPDX-License-Identifier: ISC */
/*
 * Proof of work for registrations, without state: a challenge carries its end and its bits under a
 * MAC.  That it is used once is the store's to see (challenge_spend()).  docs/api.md, "Proof of
 * work".
 */
#ifndef RELIQUARY_API_AUTH_POW_H
#define RELIQUARY_API_AUTH_POW_H

#include "base/random.h"
#include "database/vault.h"

#include <stdbool.h>
#include <stdint.h>

#define POW_CHALLENGE_TEXT 96 /* with its NUL */
#define POW_NONCE_MAX      64
#define POW_TTL_S          600

/* Leading zero bits wanted now: least, and one more for every doubling of the rate above calm. */
struct pow_load; /* how often accounts are registered; any thread */

struct pow_load *pow_load_create(unsigned bits_least, unsigned bits_most, unsigned calm_per_hour);
void pow_load_destroy(struct pow_load *l);
void pow_load_registered(struct pow_load *l, uint64_t now_ns);
unsigned pow_load_bits(const struct pow_load *l, uint64_t now_ns);

void pow_challenge(const struct vault *v, unsigned bits, int64_t now_s, struct random *random,
    char out[static POW_CHALLENGE_TEXT]);

enum pow_verdict {
	POW_OK = 0,
	POW_FORGED, /* not a challenge of ours, or malformed */
	POW_EXPIRED,
	POW_TOO_EASY, /* the nonce does not give the zero bits */
};

/* *expires: until when the challenge must be remembered as spent. */
enum pow_verdict pow_check(const struct vault *v, const char *challenge, const char *nonce,
    int64_t now_s, int64_t *expires);

#endif
