/* SPDX-License-Identifier: ISC */
/* Every key of the protocol, from what it is derived (docs/protocol.md, "Keys"). */
#ifndef PROTOCOL_CRYPTO_KDF_H
#define PROTOCOL_CRYPTO_KDF_H

#include "base/ids.h"
#include "base/keys.h"
#include "protocol/crypto/kmac.h"

#include <stdint.h>

#define OFFER_SEED_SIZE      64
#define LETTER_KEY_SEED_SIZE 32
#define SHROUD_IDENTITY_SIZE 16

/* base_key(secret, label, a, b); the order of the flocks does not matter. */
void base_key_derive(struct base_key *out, const uint8_t secret[static 32], const char *label,
    struct flock_id a, struct flock_id b);

/* The key of one offer between a device and a cathedral; flock is the device's, with its domain. */
void offer_key_device(struct offer_key *out, const struct cathedral_secret *cs,
    const uint8_t seed[static OFFER_SEED_SIZE], struct flock_id flock);

/* The key of one offer between cathedrals. */
void offer_key_catacomb(struct offer_key *out, const struct federation_secret *secret,
    const uint8_t seed[static OFFER_SEED_SIZE], struct flock_id flock);

/* The key of one letter between cathedrals of this project: a label of our own keeps it apart. */
void letter_key_derive(struct letter_key *out, const struct federation_secret *secret,
    const uint8_t seed[static LETTER_KEY_SEED_SIZE]);

/* Shroud keys; domains of the flocks are ignored. */
void shroud_key_device(struct shroud_key *out, const struct cathedral_secret *cs,
    struct flock_id own, struct flock_id other);
void shroud_key_federation(struct shroud_key *out, const struct federation_secret *secret);

/* Ready to make masks under this key. */
void shroud_mask_prefix(struct kmac_prefix *out, const struct shroud_key *key);

/* Ready to turn seed_ids into the identities of one device for one pair of flocks. */
void shroud_identity_prefix(
    struct kmac_prefix *out, struct flock_id own, struct flock_id other, struct device_id device);

/*
 * Both of them for many devices, which costs a third of one after the other.  What is made is put
 * to mask and identity.
 */
struct shroud_order {
	const struct cathedral_secret *cs;
	struct flock_id own, other;
	struct device_id device;
	struct kmac_prefix *mask, *identity;
};

void shroud_prefixes(const struct shroud_order *orders, size_t count);

/* The identity that a device shows while it uses seed_id. */
void shroud_identity(uint8_t out[static SHROUD_IDENTITY_SIZE], const struct kmac_prefix *identity,
    const uint8_t seed_id[static 16]);

/* The same as a job of kmac_run(), to compute those of many devices together. */
struct kmac_job shroud_identity_job(uint8_t out[static SHROUD_IDENTITY_SIZE],
    const struct kmac_prefix *identity, const uint8_t seed_id[static 16]);

/* k1: what opens the ambries of one KEK within a flock (own twice) or a pair of flocks. */
void kek_unwrap_key_derive(
    struct kek_unwrap_key *out, const struct kek *kek, struct flock_id own, struct flock_id other);

#endif
