/* SPDX-License-Identifier: ISC */
/*
 * The key file and what only its owner can do: find out which secret a hash in the database is of,
 * and read what is stored encrypted.  A copy of the database alone is of no use.
 */
#ifndef DATABASE_VAULT_H
#define DATABASE_VAULT_H

#include "base/fault.h"
#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VAULT_HASH_SIZE   32
#define VAULT_SEAL_EXTRA  40 /* nonce and tag: how much longer sealed bytes are */
#define VAULT_FINGERPRINT 16

struct secret_hash {
	uint8_t bytes[VAULT_HASH_SIZE];
};

struct vault;

/* Makes a new key file, mode 0400; fails when path is there. */
bool vault_create(const char *path, struct random *random, struct fault *why);

/* Keys derived from the file, in locked memory; refused when others may read the file. */
struct vault *vault_open(const char *path, struct fault *why);
void vault_close(struct vault *v);

/* Names the key file without saying anything about the key: the database remembers it. */
void vault_fingerprint(const struct vault *v, uint8_t out[static VAULT_FINGERPRINT]);

/* Keyed BLAKE2b-256; the same bytes hash differently for each kind, from 1 on.  Any thread. */
struct secret_hash vault_hash(const struct vault *v, unsigned kind, const void *secret, size_t len);

/*
 * XChaCha20-Poly1305; out holds len + VAULT_SEAL_EXTRA bytes.  place names what row and column it
 * is for (it is authenticated): sealed bytes moved to another row do not open.
 */
void vault_seal(const struct vault *v, const char *place, const void *data, size_t len,
    uint8_t *out, struct random *random);

/* out holds len - VAULT_SEAL_EXTRA bytes, zeroed on failure. */
bool vault_open_sealed(
    const struct vault *v, const char *place, const uint8_t *sealed, size_t len, void *out);

/* A message authentication code under a key of its own, for challenges. */
void vault_mac(const struct vault *v, const void *data, size_t len, uint8_t out[static 16]);

#endif
