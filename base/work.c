/* SPDX-License-Identifier: ISC */
#include "base/work.h"

#include <sodium.h>

unsigned
work_bits(const void *challenge, size_t challenge_len, const void *nonce, size_t nonce_len)
{
	crypto_generichash_state state;
	unsigned char hash[WORK_BITS_MAX / 8];
	unsigned bits = 0;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, challenge, challenge_len);
	crypto_generichash_update(&state, nonce, nonce_len);
	crypto_generichash_final(&state, hash, sizeof(hash));

	for (size_t i = 0; i < sizeof(hash); i++) {
		if (hash[i] != 0)
			return bits + (unsigned)__builtin_clz(hash[i]) - 24;
		bits += 8;
	}
	return bits;
}
