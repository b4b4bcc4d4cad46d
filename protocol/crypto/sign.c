/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/sign.h"

#include "protocol/crypto/secret.h"

#include <sodium.h>

_Static_assert(SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519 signature");
_Static_assert(sizeof(struct cosk_public) == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
_Static_assert(sizeof(struct cosk_secret) == crypto_sign_SECRETKEYBYTES, "Ed25519 secret key");

void
sign_key_pair(struct cosk_secret *secret, struct cosk_public *public, const uint8_t seed[static 32])
{
	crypto_sign_seed_keypair(public->bytes, secret->bytes, seed);
}

bool
sign_public_of(struct cosk_public *public, const struct cosk_secret *secret)
{
	struct cosk_secret again;
	struct cosk_public made;
	bool same;

	/* The first half is the seed, the second the public key that it makes. */
	sign_key_pair(&again, &made, secret->bytes);
	same = secret_equal(&again, secret, sizeof(again));
	secret_wipe(&again, sizeof(again));
	if (same)
		*public = made;
	return same;
}

void
sign_make(uint8_t signature[static SIGNATURE_SIZE], const void *data, size_t len,
    const struct cosk_secret *secret)
{
	crypto_sign_detached(signature, NULL, data, len, secret->bytes);
}

bool
sign_verify(const uint8_t signature[static SIGNATURE_SIZE], const void *data, size_t len,
    const struct cosk_public *public)
{
	return crypto_sign_verify_detached(signature, data, len, public->bytes) == 0;
}
