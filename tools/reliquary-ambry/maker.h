/* SPDX-License-Identifier: ISC */
/* Ambry bundles from keys: no files, no clock, and secrets from wherever the caller says. */
#ifndef TOOLS_RELIQUARY_AMBRY_MAKER_H
#define TOOLS_RELIQUARY_AMBRY_MAKER_H

#include "base/fault.h"
#include "base/ids.h"
#include "base/keys.h"
#include "protocol/wire/bundle.h"
#include "tools/reliquary-ambry/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct maker {
	struct flock_id a, b; /* base flocks; equal: within one flock */
	const struct key_ring *ring_a,
	    *ring_b; /* a's toward b, b's toward a; one flock: the same */
	struct bundle_head head;
	/* The secret of the tunnel between number a of the first and number b of the second. */
	void (*secret)(struct tunnel_secret *ret, uint8_t a, uint8_t b, void *context);
	void *context;
};

/* Bytes and tunnels of a whole bundle. */
size_t maker_size(const struct maker *k);
size_t maker_tunnels(const struct maker *k);

/* Writes the maker_size() bytes of the bundle. */
void maker_run(const struct maker *k, uint8_t *out);

/* What a head says for "days from now on"; false when days is 0 or beyond what it can say. */
bool maker_expires(uint16_t *ret, uint64_t days, int64_t now_s, struct fault *why);

#endif
