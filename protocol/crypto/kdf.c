/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/kdf.h"

#include "protocol/crypto/secret.h"

#include <string.h>

#define LABEL_CATHEDRAL_BASE  "SANCTUM.CATHEDRAL.OFFER.KDF"
#define LABEL_CATHEDRAL_OFFER "SANCTUM.CATHEDRAL.KDF"
#define LABEL_PEER_BASE       "SANCTUM.PEER.OFFER.KDF"
#define LABEL_CATACOMB_OFFER  "SANCTUM.CATHEDRAL.CATACOMB"
#define LABEL_SHROUD_KEY      "SANCTUM.CATHEDRAL.SHROUD.KEY"
#define LABEL_SHROUD_MASK     "SANCTUM.SHROUD.KDF"
#define LABEL_BASE_IDENTITY   "SANCTUM.SHROUD.BASE.IDENTITY"
#define LABEL_IDENTITY        "SANCTUM.SHROUD.IDENTITY"
#define LABEL_KEK_UNWRAP      "SANCTUM.KEY.KEK.UNWRAP.KDF"
#define LABEL_LETTER          "RELIQUARY.LETTER"

/* Between cathedrals two magics stand where devices have their flocks. */
#define FEDERATION_A UINT64_C(0x43415441434f4d42) /* "CATACOMB" */
#define FEDERATION_B UINT64_C(0x4b4154454452414c) /* "KATEDRAL" */

#define PAIR_SIZE   18              /* two flocks, each behind its length */
#define BEARER_SIZE (PAIR_SIZE + 5) /* and a device likewise */

/* Writes length and flock; returns what follows. */
static uint8_t *
flock_put(uint8_t *out, uint64_t flock)
{
	int shift;

	*out++ = sizeof(flock);
	for (shift = 56; shift >= 0; shift -= 8)
		*out++ = (uint8_t)(flock >> shift);
	return out;
}

/* The same bytes whichever way round the flocks are given: both ends derive one key. */
static void
pair_put(uint8_t out[static PAIR_SIZE], struct flock_id a, struct flock_id b)
{
	uint64_t low = a.value < b.value ? a.value : b.value;
	uint64_t high = a.value < b.value ? b.value : a.value;

	flock_put(flock_put(out, low), high);
}

void
base_key_derive(struct base_key *out, const uint8_t secret[static 32], const char *label,
    struct flock_id a, struct flock_id b)
{
	uint8_t pair[PAIR_SIZE];

	pair_put(pair, a, b);
	kmac256(out->bytes, sizeof(out->bytes), secret, 32, pair, sizeof(pair), label);
}

static void
offer_key_derive(struct offer_key *out, const struct base_key *base, const char *label,
    const uint8_t seed[static OFFER_SEED_SIZE])
{
	uint8_t input[1 + OFFER_SEED_SIZE] = { OFFER_SEED_SIZE };

	memcpy(input + 1, seed, OFFER_SEED_SIZE);
	kmac256(out->bytes, sizeof(out->bytes), base->bytes, sizeof(base->bytes), input,
	    sizeof(input), label);
}

void
offer_key_device(struct offer_key *out, const struct cathedral_secret *cs,
    const uint8_t seed[static OFFER_SEED_SIZE], struct flock_id flock)
{
	struct base_key base;

	base_key_derive(&base, cs->bytes, LABEL_CATHEDRAL_BASE, flock, (struct flock_id){ 0 });
	offer_key_derive(out, &base, LABEL_CATHEDRAL_OFFER, seed);
	secret_wipe(&base, sizeof(base));
}

void
offer_key_catacomb(struct offer_key *out, const struct federation_secret *secret,
    const uint8_t seed[static OFFER_SEED_SIZE], struct flock_id flock)
{
	struct base_key base;

	base_key_derive(&base, secret->bytes, LABEL_PEER_BASE, flock, (struct flock_id){ 0 });
	offer_key_derive(out, &base, LABEL_CATACOMB_OFFER, seed);
	secret_wipe(&base, sizeof(base));
}

void
letter_key_derive(struct letter_key *out, const struct federation_secret *secret,
    const uint8_t seed[static LETTER_KEY_SEED_SIZE])
{
	uint8_t input[1 + LETTER_KEY_SEED_SIZE] = { LETTER_KEY_SEED_SIZE };

	memcpy(input + 1, seed, LETTER_KEY_SEED_SIZE);
	kmac256(out->bytes, sizeof(out->bytes), secret->bytes, sizeof(secret->bytes), input,
	    sizeof(input), LABEL_LETTER);
}

/* A base key under another name: keys are never handed on as another kind by a cast. */
static void
shroud_key_derive(
    struct shroud_key *out, const uint8_t secret[static 32], struct flock_id a, struct flock_id b)
{
	struct base_key base;

	base_key_derive(&base, secret, LABEL_SHROUD_KEY, a, b);
	memcpy(out->bytes, base.bytes, sizeof(out->bytes));
	secret_wipe(&base, sizeof(base));
}

void
shroud_key_device(struct shroud_key *out, const struct cathedral_secret *cs, struct flock_id own,
    struct flock_id other)
{
	shroud_key_derive(out, cs->bytes, flock_base(own), flock_base(other));
}

void
shroud_key_federation(struct shroud_key *out, const struct federation_secret *secret)
{
	shroud_key_derive(out, secret->bytes, (struct flock_id){ FEDERATION_A },
	    (struct flock_id){ FEDERATION_B });
}

void
shroud_mask_prefix(struct kmac_prefix *out, const struct shroud_key *key)
{
	kmac_prefix_init(out, LABEL_SHROUD_MASK, key->bytes, sizeof(key->bytes));
}

/* What a base identity is made of, under no key at all. */
static const uint8_t no_key[32];

static void
bearer_put(uint8_t out[static BEARER_SIZE], struct flock_id own, struct flock_id other,
    struct device_id device)
{
	uint8_t *at = out + PAIR_SIZE;

	pair_put(out, flock_base(own), flock_base(other));
	*at++ = sizeof(device.value);
	*at++ = (uint8_t)(device.value >> 24);
	*at++ = (uint8_t)(device.value >> 16);
	*at++ = (uint8_t)(device.value >> 8);
	*at = (uint8_t)device.value;
}

void
shroud_identity_prefix(
    struct kmac_prefix *out, struct flock_id own, struct flock_id other, struct device_id device)
{
	uint8_t input[BEARER_SIZE], base[SHROUD_IDENTITY_SIZE];

	bearer_put(input, own, other, device);
	kmac256(
	    base, sizeof(base), no_key, sizeof(no_key), input, sizeof(input), LABEL_BASE_IDENTITY);
	kmac_prefix_init(out, LABEL_IDENTITY, base, sizeof(base));
	secret_wipe(base, sizeof(base));
}

/* What a few devices' prefixes are made from on the way: all of it as secret as they are. */
struct shroud_work {
	uint8_t inputs[KECCAK_WIDE][BEARER_SIZE], made[KECCAK_WIDE][32];
	const uint8_t *keys[KECCAK_WIDE];
	struct kmac_prefix *prefixes[KECCAK_WIDE], room[KECCAK_WIDE];
	struct kmac_job jobs[KECCAK_WIDE];
};

/* The shroud keys, as shroud_key_derive() makes them, and from them the masks' prefixes. */
static void
masks_prepare(struct shroud_work *w, const struct shroud_order *orders, size_t count)
{
	for (size_t n = 0; n < count; n++) {
		pair_put(w->inputs[n], flock_base(orders[n].own), flock_base(orders[n].other));
		w->keys[n] = orders[n].cs->bytes;
		w->prefixes[n] = &w->room[n];
		w->jobs[n] = (struct kmac_job){ &w->room[n], w->inputs[n], PAIR_SIZE, w->made[n],
			sizeof(struct shroud_key) };
	}
	kmac_prefixes_init(
	    w->prefixes, LABEL_SHROUD_KEY, w->keys, sizeof(struct cathedral_secret), count);
	kmac_run(w->jobs, count);
	for (size_t n = 0; n < count; n++) {
		w->keys[n] = w->made[n];
		w->prefixes[n] = orders[n].mask;
	}
	kmac_prefixes_init(
	    w->prefixes, LABEL_SHROUD_MASK, w->keys, sizeof(struct shroud_key), count);
}

/* The base identities, and from them the identities' prefixes. */
static void
identities_prepare(struct shroud_work *w, const struct shroud_order *orders, size_t count)
{
	kmac_prefix_init(&w->room[0], LABEL_BASE_IDENTITY, no_key, sizeof(no_key));
	for (size_t n = 0; n < count; n++) {
		bearer_put(w->inputs[n], orders[n].own, orders[n].other, orders[n].device);
		w->jobs[n] = (struct kmac_job){ &w->room[0], w->inputs[n], BEARER_SIZE, w->made[n],
			SHROUD_IDENTITY_SIZE };
		w->keys[n] = w->made[n];
		w->prefixes[n] = orders[n].identity;
	}
	kmac_run(w->jobs, count);
	kmac_prefixes_init(w->prefixes, LABEL_IDENTITY, w->keys, SHROUD_IDENTITY_SIZE, count);
}

void
shroud_prefixes(const struct shroud_order *orders, size_t count)
{
	struct shroud_work w;

	for (size_t done = 0, some; done < count; done += some) {
		some = count - done < KECCAK_WIDE ? count - done : KECCAK_WIDE;
		masks_prepare(&w, orders + done, some);
		identities_prepare(&w, orders + done, some);
	}
	if (count > 0)
		secret_wipe(&w, sizeof(w));
}

struct kmac_job
shroud_identity_job(uint8_t out[static SHROUD_IDENTITY_SIZE], const struct kmac_prefix *identity,
    const uint8_t seed_id[static 16])
{
	return (struct kmac_job){ identity, seed_id, 16, out, SHROUD_IDENTITY_SIZE };
}

void
shroud_identity(uint8_t out[static SHROUD_IDENTITY_SIZE], const struct kmac_prefix *identity,
    const uint8_t seed_id[static 16])
{
	const struct kmac_job job = shroud_identity_job(out, identity, seed_id);

	kmac_run(&job, 1);
}

void
kek_unwrap_key_derive(
    struct kek_unwrap_key *out, const struct kek *kek, struct flock_id own, struct flock_id other)
{
	struct base_key base;

	base_key_derive(&base, kek->bytes, LABEL_KEK_UNWRAP, flock_base(own), flock_base(other));
	memcpy(out->bytes, base.bytes, sizeof(out->bytes));
	secret_wipe(&base, sizeof(base));
}
