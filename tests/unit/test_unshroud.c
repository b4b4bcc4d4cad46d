/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/unshroud.h"

#include "protocol/crypto/kdf.h"
#include "tests/support/crowd.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct random randomness;

/* The header that this device of this flock shows for a seed_id of its own. */
static void
header_of(uint8_t header[static SHROUD_HEADER_SIZE], struct flock_id flock, uint32_t device)
{
	struct kmac_prefix prefix;

	random_bytes(&randomness, header, SHROUD_HEADER_SIZE);
	shroud_identity_prefix(&prefix, flock, flock, (struct device_id){ device });
	shroud_identity(header, &prefix, header + SHROUD_SEED_ID_AT);
}

/* However many devices there are, and wherever among them it stands. */
static void
every_device_is_found(void **state)
{
	static const struct {
		size_t flocks;
		unsigned devices;
	} cases[] = { { 1, 1 }, { 1, 15 }, { 1, 16 }, { 1, 17 }, { 4, 8 }, { 3, 11 }, { 1, 255 } };

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct registry *r = crowd_registry(cases[n].flocks, cases[n].devices, &randomness);
		struct pipeline p = { .registry = r };
		uint8_t header[SHROUD_HEADER_SIZE];
		struct identity who;

		for (size_t f = 0; f < cases[n].flocks; f++) {
			for (unsigned d = 1; d <= cases[n].devices; d++) {
				header_of(header, crowd_flock(f, 0), d);
				assert_true(unshroud_search(&p, header, &who));
				assert_true(flock_equal(who.own, crowd_flock(f, 0)));
				assert_true(flock_equal(who.other, crowd_flock(f, 0)));
				assert_int_equal(who.device.value, d);
				header[SHROUD_SEED_ID_AT] ^= 1;
				assert_false(unshroud_search(&p, header, &who));
			}
		}
		header_of(header, crowd_flock(cases[n].flocks, 0), 1);
		assert_false(unshroud_search(&p, header, &who));
		header_of(header, crowd_flock(0, 0), cases[n].devices + 1);
		assert_false(unshroud_search(&p, header, &who));
		registry_free(r);
	}
}

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
		cmocka_unit_test(every_device_is_found),
		cmocka_unit_test(padding_goes_away),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("unshroud", tests, NULL, NULL);
}
