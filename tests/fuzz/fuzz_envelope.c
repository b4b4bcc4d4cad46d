/* SPDX-License-Identifier: ISC */
/*
 * Sealed offers under one fixed key.  Opened as it comes, an input is refused; sealed first (with
 * zeros behind it when it is short), it opens, reads as an offer or not, and is refused again when
 * any one byte of it changes.
 */
#include "protocol/crypto/aead.h"
#include "protocol/crypto/sign.h"
#include "protocol/envelope.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define UNSEALED_SIZE (OFFER_SIZE - OFFER_TAG_SIZE)

static const struct offer_key key = { { 0x52, 0x65, 0x6c, 0x69, 0x71 } };

static const struct cosk_public *
signer(void)
{
	static const uint8_t seed[32] = { 7 };
	static struct cosk_secret secret;
	static struct cosk_public public;
	static bool ready;

	if (!ready) {
		fuzz_expect(aead_init());
		sign_key_pair(&secret, &public, seed);
		ready = true;
	}
	return &public;
}

static void
expect_refused(const uint8_t *packet, size_t len)
{
	struct envelope e;

	fuzz_expect(!envelope_open(&e, packet, len, &key));
}

/* data: header, data and extra of an offer. */
static void
expect_sealed(const uint8_t data[static UNSEALED_SIZE], size_t flip)
{
	uint8_t *packet = malloc(OFFER_SIZE);
	struct offer_header header;
	struct envelope in, out;
	struct offer o;

	fuzz_expect(packet != NULL);
	fuzz_expect(offer_header_decode(&header, data, OFFER_HEADER_SIZE));
	memcpy(in.data, data + OFFER_HEADER_SIZE, sizeof(in.data));
	memcpy(in.extra, data + OFFER_HEADER_SIZE + OFFER_DATA_SIZE, sizeof(in.extra));

	envelope_seal(packet, &header, &in, &key);
	fuzz_expect(memcmp(packet, data, OFFER_HEADER_SIZE) == 0);
	fuzz_expect(envelope_open(&out, packet, OFFER_SIZE, &key));
	fuzz_expect(memcmp(&in, &out, sizeof(in)) == 0);
	fuzz_expect(!envelope_verify(&out, signer()));
	(void)offer_data_decode(&o, out.data);

	expect_refused(packet, OFFER_SIZE - 1);
	packet[flip % OFFER_SIZE] ^= 1;
	expect_refused(packet, OFFER_SIZE);
	free(packet);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t whole[UNSEALED_SIZE] = { 0 };

	(void)signer();
	expect_refused(data, len);
	if (len > 0)
		memcpy(whole, data, len < sizeof(whole) ? len : sizeof(whole));
	expect_sealed(whole, len + whole[sizeof(whole) - 1] + 256u * whole[sizeof(whole) - 2]);
	return 0;
}
