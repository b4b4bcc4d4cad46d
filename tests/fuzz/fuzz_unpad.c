/* SPDX-License-Identifier: ISC */
/* Padding under the shroud: stripping it finds the packet again, and never reads outside. */
#include "protocol/crypto/shroud.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* What was stripped is 0xff and zeros, or nothing. */
static void
expect_stripped(const uint8_t *body, size_t len)
{
	size_t packet = shroud_unpadded(body, len);

	fuzz_expect(packet <= len);
	if (packet == len)
		return;
	fuzz_expect(body[packet] == 0xff);
	for (size_t i = packet + 1; i < len; i++)
		fuzz_expect(body[i] == 0);
}

/* Padded as the protocol wants it, any packet comes back whole. */
static void
expect_padding_undone(const uint8_t *packet, size_t len, size_t zeros)
{
	uint8_t *body = calloc(1, len + 1 + zeros);

	fuzz_expect(body != NULL);
	if (len > 0)
		memcpy(body, packet, len);
	body[len] = 0xff;
	fuzz_expect(shroud_unpadded(body, len + 1 + zeros) == len);
	free(body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	expect_stripped(data, len);
	expect_padding_undone(data, len, 0);
	expect_padding_undone(data, len, len > 0 ? data[0] : 1);
	return 0;
}
