/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/unshroud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Padding goes with the header; of old devices, which have none, the packet is all there is. */
static void
padding_goes_away(void **state)
{
	static const struct {
		const char *bytes;
		size_t len, want;
	} cases[] = {
		{ "packet\xff", 7, 6 },
		{ "packet\xff\0\0\0", 10, 6 },
		{ "packet\xff\xff\0", 9, 7 }, /* one mark is ours */
		{ "packet", 6, 6 },
		{ "packet\0\0", 8, 8 },
		{ "\xff", 1, 0 },
		{ "\0\0\0", 3, 3 },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct packet pkt;

		packet_reset(&pkt, SHROUD_HEADER_SIZE + cases[n].len);
		memcpy(pkt.head + SHROUD_HEADER_SIZE, cases[n].bytes, cases[n].len);
		unshroud_end(&pkt);
		assert_int_equal(pkt.len, cases[n].want);
		assert_memory_equal(pkt.head, cases[n].bytes, cases[n].want);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(padding_goes_away),
	};

	return cmocka_run_group_tests_name("unshroud", tests, NULL, NULL);
}
