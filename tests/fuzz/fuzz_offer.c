/* SPDX-License-Identifier: ISC */
/* The inside of an offer: what was read is written and read the same. */
#include "protocol/wire/offer.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t once[OFFER_DATA_SIZE], twice[OFFER_DATA_SIZE];
	struct offer o, again;

	if (len < OFFER_DATA_SIZE)
		return 0;
	/* The last bytes, so that reading one too many is reading past the buffer. */
	data += len - OFFER_DATA_SIZE;
	if (!offer_data_decode(&o, data)) {
		fuzz_expect(data[0] < OFFER_AMBRY || data[0] > OFFER_P2P_INFO);
		return 0;
	}

	fuzz_expect(o.type == data[0]);
	if (o.type == OFFER_REMEMBRANCE)
		fuzz_expect(o.remembrance.count <= REMEMBRANCE_MAX);
	offer_data_encode(&o, once);
	fuzz_expect(offer_data_decode(&again, once));
	offer_data_encode(&again, twice);
	fuzz_expect(memcmp(once, twice, sizeof(once)) == 0);
	return 0;
}
