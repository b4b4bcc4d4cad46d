/* SPDX-License-Identifier: ISC */
#include "reliquary-api/auth/token.h"

#include "base/hex.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

void
token_new(char *out, size_t count, struct random *random)
{
	uint8_t bytes[32];

	assert(count <= sizeof(bytes));
	random_bytes(random, bytes, count);
	hex_encode(out, bytes, count);
	sodium_memzero(bytes, sizeof(bytes));
}

bool
token_plausible(const char *text, size_t digits)
{
	return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}
