/* SPDX-License-Identifier: ISC */
#include "reliquary-api/auth/pow.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/work.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/auth/token.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_NS  (60 * NS_PER_S)
#define MINUTES    10 /* the rate is that of the last ten */
#define COUNT_BITS 24
#define COUNT_MAX  ((UINT64_C(1) << COUNT_BITS) - 1)

/*
 * A number for each minute, the oldest overwritten by the newest: which minute it is of, counted
 * from 1, and below that how many accounts were made in it.
 */
struct pow_load {
	unsigned bits_least, bits_most, calm_per_hour;
	_Atomic uint64_t minutes[MINUTES];
};

struct pow_load *
pow_load_create(unsigned bits_least, unsigned bits_most, unsigned calm_per_hour)
{
	struct pow_load *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->bits_least = bits_least;
	l->bits_most = bits_most > bits_least ? bits_most : bits_least;
	l->calm_per_hour = calm_per_hour > 0 ? calm_per_hour : 1;
	return l;
}

void
pow_load_destroy(struct pow_load *l)
{
	free(l);
}

void
pow_load_registered(struct pow_load *l, uint64_t now_ns)
{
	uint64_t minute = now_ns / MINUTE_NS + 1;
	_Atomic uint64_t *slot = &l->minutes[minute % MINUTES];
	uint64_t before = atomic_load(slot), after;

	do {
		after = before >> COUNT_BITS == minute ? before : minute << COUNT_BITS;
		if ((after & COUNT_MAX) < COUNT_MAX)
			after++;
	} while (!atomic_compare_exchange_weak(slot, &before, after));
}

unsigned
pow_load_bits(const struct pow_load *l, uint64_t now_ns)
{
	uint64_t minute = now_ns / MINUTE_NS + 1, per_hour = 0, calm = l->calm_per_hour;
	unsigned bits = l->bits_least;

	for (size_t i = 0; i < MINUTES; i++) {
		uint64_t slot = atomic_load(&l->minutes[i]), of = slot >> COUNT_BITS;

		if (of <= minute && minute - of < MINUTES)
			per_hour += (slot & COUNT_MAX) * (60 / MINUTES);
	}
	for (; per_hour >= 2 * calm && bits < l->bits_most; per_hour /= 2)
		bits++;
	return bits;
}

/* A challenge is this in hex; numbers are big-endian. */
struct challenge {
	uint8_t version;
	uint8_t expires[8];
	uint8_t bits;
	uint8_t random[16];
	uint8_t mac[16]; /* over all before it */
};

#define CHALLENGE_VERSION 1
#define CHALLENGE_SIZE    sizeof(struct challenge)

_Static_assert(CHALLENGE_SIZE == 42, "bytes only, so nothing lies between them");
_Static_assert(2 * CHALLENGE_SIZE < POW_CHALLENGE_TEXT, "it has room as text");

void
pow_challenge(const struct vault *v, unsigned bits, int64_t now_s, struct random *random,
    char out[static POW_CHALLENGE_TEXT])
{
	struct challenge c = { .version = CHALLENGE_VERSION, .bits = (uint8_t)bits };
	uint64_t expires = (uint64_t)(now_s + POW_TTL_S);

	for (size_t i = 0; i < sizeof(c.expires); i++)
		c.expires[i] = (uint8_t)(expires >> (56 - 8 * i));
	random_bytes(random, c.random, sizeof(c.random));
	vault_mac(v, &c, offsetof(struct challenge, mac), c.mac);
	hex_encode(out, &c, sizeof(c));
}

/* In one spelling only: written otherwise, a spent one would look like another. */
static bool
challenge_read(struct challenge *ret, const struct vault *v, const char *text)
{
	uint8_t mac[sizeof(ret->mac)];

	if (!token_plausible(text, 2 * CHALLENGE_SIZE) || !hex_decode(ret, sizeof(*ret), text))
		return false;
	vault_mac(v, ret, offsetof(struct challenge, mac), mac);
	return secret_equal(mac, ret->mac, sizeof(mac)) && ret->version == CHALLENGE_VERSION;
}

static bool
nonce_plausible(const char *nonce)
{
	size_t len = strnlen(nonce, POW_NONCE_MAX + 1);

	for (size_t i = 0; i < len; i++) {
		if (nonce[i] < 0x20 || nonce[i] > 0x7e)
			return false;
	}
	return len >= 1 && len <= POW_NONCE_MAX;
}

enum pow_verdict
pow_check(const struct vault *v, const char *challenge, const char *nonce, int64_t now_s,
    int64_t *expires)
{
	struct challenge c;
	uint64_t end = 0;

	if (!challenge_read(&c, v, challenge))
		return POW_FORGED;
	for (size_t i = 0; i < sizeof(c.expires); i++)
		end = end << 8 | c.expires[i];
	if ((int64_t)end <= now_s)
		return POW_EXPIRED;
	if (!nonce_plausible(nonce) ||
	    work_bits(challenge, 2 * CHALLENGE_SIZE, nonce, strlen(nonce)) < c.bits)
		return POW_TOO_EASY;
	*expires = (int64_t)end;
	return POW_OK;
}
