/* SPDX-License-Identifier: ISC */
/*
 * A type per kind of key, so that no function can be handed the wrong one.  Wipe with
 * secret_wipe() (protocol/crypto/secret.h), compare with sodium_memcmp(), never print.
 */
#ifndef BASE_KEYS_H
#define BASE_KEYS_H

#include <stdint.h>

/* Shared by one device and every cathedral (CS). */
struct cathedral_secret {
	uint8_t bytes[32];
};

/* Shared by all cathedrals of one federation. */
struct federation_secret {
	uint8_t bytes[32];
};

/* Derived from a secret, a label and two flocks; other keys are derived from it. */
struct base_key {
	uint8_t bytes[32];
};

/* Seals exactly one offer. */
struct offer_key {
	uint8_t bytes[32];
};

/* Seals exactly one letter between cathedrals. */
struct letter_key {
	uint8_t bytes[32];
};

/* Masks packets between one device and its cathedrals, or between cathedrals. */
struct shroud_key {
	uint8_t bytes[32];
};

/* A device's key encryption key; no cathedral ever holds one. */
struct kek {
	uint8_t bytes[32];
};

/* What a KEK becomes for one pair of flocks (k1): opens and makes ambries. */
struct kek_unwrap_key {
	uint8_t bytes[32];
};

/* Wraps exactly one ambry (k2). */
struct ambry_key {
	uint8_t bytes[32];
};

/* The secret that both ends of a tunnel hold once they opened their ambries. */
struct tunnel_secret {
	uint8_t bytes[32];
};

/* Ed25519, libsodium's layouts. */
struct cosk_public {
	uint8_t bytes[32];
};

struct cosk_secret {
	uint8_t bytes[64];
};

#endif
