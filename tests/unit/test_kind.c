/* SPDX-License-Identifier: ISC */
#include "protocol/wire/kind.h"
#include "tests/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
kind_follows_from_magic_and_length(void **state)
{
	static const struct {
		const char *head;
		size_t len;
		enum wire_kind want;
	} cases[] = {
		{ "KATEDRAL", 622, WIRE_UNKNOWN },
		{ "KATEDRAL", 623, WIRE_KATEDRAL },
		{ "KATEDRAL", 624, WIRE_KATEDRAL }, /* padding */
		{ "KATEDRAL", 1522, WIRE_KATEDRAL },
		{ "KATEDRAL", 1523, WIRE_UNKNOWN },
		{ "KATEDRAL", 50, WIRE_UNKNOWN },
		{ "CIBORIUM", 622, WIRE_UNKNOWN },
		{ "CIBORIUM", 623, WIRE_CIBORIUM },
		{ "CIBORIUM", 1522, WIRE_CIBORIUM },
		{ "CIBORIUM", 1523, WIRE_UNKNOWN },
		{ "CATACOMB", 622, WIRE_UNKNOWN },
		{ "CATACOMB", 623, WIRE_CATACOMB },
		{ "CATACOMB", 1522, WIRE_CATACOMB },
		{ "CATACOMB", 1523, WIRE_UNKNOWN },
		{ "SACRAMNT", 49, WIRE_UNKNOWN },
		{ "SACRAMNT", 50, WIRE_SACRAMNT },
		{ "SACRAMNT", 1522, WIRE_SACRAMNT },
		{ "SACRAMNT", 1523, WIRE_UNKNOWN },
		{ "katedral", 49, WIRE_UNKNOWN },
		{ "katedral", 50, WIRE_DATA },
		{ "KATEDRAM", 622, WIRE_DATA }, /* one bit off is an SPI like any other */
		{ "LARDETAK", 623, WIRE_DATA },
		{ "\0\0\0\0\0\0\0\0", 50, WIRE_DATA },
		{ "\0\0\0\0\0\0\0\0", 1522, WIRE_DATA },
		{ "\0\0\0\0\0\0\0\0", 1523, WIRE_UNKNOWN },
		{ "KATEDRAL", 8, WIRE_UNKNOWN },
		{ "KATEDRAL", 7, WIRE_UNKNOWN },
		{ "KATEDRAL", 1, WIRE_UNKNOWN },
		{ "KATEDRAL", 0, WIRE_UNKNOWN },
		{ "KATEDRAL", 65507, WIRE_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *packet = malloc(cases[i].len);
		enum wire_kind got;

		memset(packet, 0x5a, cases[i].len);
		memcpy(packet, cases[i].head, cases[i].len < 8 ? cases[i].len : 8);
		got = wire_kind(packet, cases[i].len);
		if (got != cases[i].want)
			fail_msg("%s of %zu bytes: kind %d, not %d", cases[i].head, cases[i].len,
			    got, cases[i].want);
		free(packet);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(kind_follows_from_magic_and_length),
	};

	return cmocka_run_group_tests_name("kind", tests, NULL, NULL);
}
