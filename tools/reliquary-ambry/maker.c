/* SPDX-License-Identifier: ISC */
#include "tools/reliquary-ambry/maker.h"

#include "protocol/crypto/secret.h"
#include "protocol/wrapping.h"

#include <inttypes.h>

size_t
maker_size(const struct maker *k)
{
	return flock_equal(k->a, k->b) ? BUNDLE_ONE_FLOCK_SIZE : BUNDLE_TWO_FLOCKS_SIZE;
}

size_t
maker_tunnels(const struct maker *k)
{
	return (maker_size(k) - BUNDLE_HEAD_SIZE) / BUNDLE_ENTRY_SIZE / 2;
}

bool
maker_expires(uint16_t *ret, uint64_t days, int64_t now_s, struct fault *why)
{
	int64_t today = (now_s - AMBRY_EPOCH) / AMBRY_DAY;

	if (now_s < AMBRY_EPOCH || today > UINT16_MAX)
		return fault_set(why, "the clock of this host is wrong");
	if (days == 0 || days > UINT16_MAX - (uint64_t)today)
		return fault_set(why, "days must be 1 to %" PRIu64, UINT16_MAX - (uint64_t)today);
	*ret = (uint16_t)(today + (int64_t)days);
	return true;
}

/* One direction: the entry that the owner of k1 opens. */
static uint8_t *
write_entry(const struct maker *k, const struct ambry_place *place, const struct kek_unwrap_key *k1,
    const struct tunnel_secret *secret, uint8_t *out)
{
	struct bundle_entry e = { .flock = place->flock_src, .tunnel = place->tunnel };

	ambry_wrap(e.key, e.tag, secret, k1, &k->head, place);
	bundle_entry_encode(&e, out);
	return out + BUNDLE_ENTRY_SIZE;
}

/* Both directions of one tunnel wrap the same secret. */
static uint8_t *
write_tunnel(const struct maker *k, uint8_t a, uint8_t b, uint8_t *out)
{
	struct ambry_place there = { k->a, k->b, tunnel_between(a, b) };
	struct ambry_place back = { k->b, k->a, tunnel_between(b, a) };
	struct tunnel_secret secret;

	k->secret(&secret, a, b, k->context);
	out = write_entry(k, &there, &k->ring_a->k1[a], &secret, out);
	out = write_entry(k, &back, &k->ring_b->k1[b], &secret, out);
	secret_wipe(&secret, sizeof(secret));
	return out;
}

void
maker_run(const struct maker *k, uint8_t *out)
{
	bool one_flock = flock_equal(k->a, k->b);

	bundle_head_encode(&k->head, out);
	out += BUNDLE_HEAD_SIZE;
	for (unsigned a = KEK_NUMBER_MIN; a <= KEK_NUMBER_MAX; a++)
		for (unsigned b = one_flock ? a + 1 : KEK_NUMBER_MIN; b <= KEK_NUMBER_MAX; b++)
			out = write_tunnel(k, (uint8_t)a, (uint8_t)b, out);
}
