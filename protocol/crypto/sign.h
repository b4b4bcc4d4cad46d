/* SPDX-License-Identifier: ISC */
#ifndef PROTOCOL_CRYPTO_SIGN_H
#define PROTOCOL_CRYPTO_SIGN_H

#include "base/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_SIZE 64

/* A key pair from 32 random bytes. */
void sign_key_pair(
    struct cosk_secret *secret, struct cosk_public *public, const uint8_t seed[static 32]);

/* The public half that a private file carries; false when its two halves do not belong together. */
bool sign_public_of(struct cosk_public *public, const struct cosk_secret *secret);

void sign_make(uint8_t signature[static SIGNATURE_SIZE], const void *data, size_t len,
    const struct cosk_secret *secret);

bool sign_verify(const uint8_t signature[static SIGNATURE_SIZE], const void *data, size_t len,
    const struct cosk_public *public);

#endif
