/* SPDX-License-Identifier: ISC */
/* Proof of work: how rare is the hash that somebody found? */
#ifndef BASE_WORK_H
#define BASE_WORK_H

#include <stddef.h>

#define WORK_BITS_MAX 256

/*
 * Leading zero bits of BLAKE2b-256 over challenge with nonce behind it.  One more of them takes
 * twice as many tries; what is found is checked by one.
 */
unsigned work_bits(
    const void *challenge, size_t challenge_len, const void *nonce, size_t nonce_len);

#endif
