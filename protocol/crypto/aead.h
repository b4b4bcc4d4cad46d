/* SPDX-License-Identifier: ISC */
/*
 * AES-256-GCM for keys that are used once: the nonce is always eleven zero bytes and a one.
 * libsodium where the CPU has AES instructions, else libcrypto; one interface.
 */
#ifndef PROTOCOL_CRYPTO_AEAD_H
#define PROTOCOL_CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_TAG_SIZE 16

enum aead_backend { AEAD_SODIUM, AEAD_LIBCRYPTO };

/*
 * Chooses the backend and readies libsodium; call once before any thread starts.  False when no
 * backend works.
 */
bool aead_init(void);

enum aead_backend aead_backend(void);
const char *aead_backend_name(void);
bool aead_force_backend(enum aead_backend backend); /* tests; false when it cannot work here */

/* Encrypts data in place and writes the tag. */
void aead_seal(uint8_t *data, size_t len, uint8_t tag[static AEAD_TAG_SIZE], const void *aad,
    size_t aad_len, const uint8_t key[static 32]);

/* Decrypts data in place; false, with data wiped, when tag, data or aad are not what was sealed. */
bool aead_open(uint8_t *data, size_t len, const uint8_t tag[static AEAD_TAG_SIZE], const void *aad,
    size_t aad_len, const uint8_t key[static 32]);

#endif
