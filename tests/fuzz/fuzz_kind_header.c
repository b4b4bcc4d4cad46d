/* SPDX-License-Identifier: ISC */
/* The gate keeps its word: what it lets through has a head that can be read. */
#include "protocol/wire/header.h"
#include "protocol/wire/kind.h"
#include "protocol/wire/letter.h"
#include "protocol/wire/offer.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void
expect_data(const uint8_t *data, size_t len)
{
	uint8_t again[DATA_HEADER_SIZE];
	struct data_header h;

	fuzz_expect(data_header_decode(&h, data, len));
	data_header_encode(&h, again);
	fuzz_expect(memcmp(again, data, sizeof(again)) == 0);
}

static void
expect_sacrament(const uint8_t *data, size_t len)
{
	uint8_t again[SACRAMENT_HEADER_SIZE];
	struct sacrament_header h;

	fuzz_expect(sacrament_header_decode(&h, data, len));
	sacrament_header_encode(&h, again);
	fuzz_expect(memcmp(again, data, sizeof(again)) == 0);
}

static void
expect_offer(const uint8_t *data, size_t len, uint64_t magic)
{
	uint8_t again[OFFER_HEADER_SIZE];
	struct offer_header h;

	fuzz_expect(len >= OFFER_SIZE);
	fuzz_expect(offer_header_decode(&h, data, len));
	fuzz_expect(h.magic == magic);
	offer_header_encode(&h, again);
	fuzz_expect(memcmp(again, data, sizeof(again)) == 0);
}

/* The gate looks at its magic and at the flocks that it does not name. */
static void
expect_letter(const uint8_t *data, size_t len)
{
	uint8_t again[LETTER_HEADER_SIZE];
	struct letter_header h;

	if (!letter_header_decode(&h, data, len))
		return;
	letter_header_encode(&h, again);
	fuzz_expect(memcmp(again, data, sizeof(again)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct data_header d;
	struct sacrament_header s;
	struct offer_header o;
	struct letter_header l;

	/* Whatever the gate says, no reader may read past the end. */
	(void)data_header_decode(&d, data, len);
	(void)sacrament_header_decode(&s, data, len);
	(void)offer_header_decode(&o, data, len);
	(void)letter_header_decode(&l, data, len);

	switch (wire_kind(data, len)) {
	case WIRE_UNKNOWN:
		break;
	case WIRE_KATEDRAL:
		expect_offer(data, len, MAGIC_KATEDRAL);
		break;
	case WIRE_CIBORIUM:
		expect_offer(data, len, MAGIC_CIBORIUM);
		break;
	case WIRE_CATACOMB:
		expect_offer(data, len, MAGIC_CATACOMB);
		break;
	case WIRE_SACRAMNT:
		expect_sacrament(data, len);
		break;
	case WIRE_DATA:
		expect_data(data, len);
		break;
	case WIRE_LETTER:
		expect_letter(data, len);
		break;
	}
	return 0;
}
