/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/search.h"

#include "protocol/crypto/kdf.h"
#include "protocol/crypto/shroud.h"
#include "tests/support/crowd.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct random randomness;

struct shown {
	uint8_t header[SHROUD_HEADER_SIZE];
};

/* The header that this device of this flock shows for a seed_id of its own. */
static struct shown
shown_by(struct flock_id flock, uint32_t device)
{
	struct kmac_prefix prefix;
	struct shown s;

	random_bytes(&randomness, s.header, sizeof(s.header));
	shroud_identity_prefix(&prefix, flock, flock, (struct device_id){ device });
	shroud_identity(s.header, &prefix, s.header + SHROUD_SEED_ID_AT);
	return s;
}

static bool
search_one(const struct registry *r, const struct shown *s, struct identity *who)
{
	struct wanted wanted = { .header = s->header };

	search_devices(r, &wanted, 1);
	*who = wanted.who;
	return wanted.found;
}

/* However many devices there are, and wherever among them it stands. */
static void
every_device_is_found(void **state)
{
	static const struct {
		size_t flocks;
		unsigned devices;
	} cases[] = { { 1, 1 }, { 1, 15 }, { 1, 63 }, { 1, 64 }, { 1, 65 }, { 4, 8 }, { 3, 11 },
		{ 1, 255 } };

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct registry *r = crowd_registry(cases[n].flocks, cases[n].devices, &randomness);
		struct identity who;
		struct shown s;

		for (size_t f = 0; f < cases[n].flocks; f++) {
			for (unsigned d = 1; d <= cases[n].devices; d++) {
				s = shown_by(crowd_flock(f, 0), d);
				assert_true(search_one(r, &s, &who));
				assert_true(flock_equal(who.own, crowd_flock(f, 0)));
				assert_true(flock_equal(who.other, crowd_flock(f, 0)));
				assert_int_equal(who.device.value, d);
				s.header[SHROUD_SEED_ID_AT] ^= 1;
				assert_false(search_one(r, &s, &who));
			}
		}
		s = shown_by(crowd_flock(cases[n].flocks, 0), 1);
		assert_false(search_one(r, &s, &who));
		s = shown_by(crowd_flock(0, 0), cases[n].devices + 1);
		assert_false(search_one(r, &s, &who));
		registry_free(r);
	}
}

#define FLOCKS  40
#define DEVICES 7

/* By chance a device's, or nobody's; twice the same, too. */
static void
several_are_found_together(void **state)
{
	struct registry *r = crowd_registry(FLOCKS, DEVICES, &randomness);

	(void)state;
	for (unsigned round = 0; round < 500; round++) {
		size_t count = 1 + random_below(&randomness, LOOKUPS_TOGETHER);
		struct wanted wanted[LOOKUPS_TOGETHER];
		struct shown shown[LOOKUPS_TOGETHER];
		uint32_t device[LOOKUPS_TOGETHER], flock[LOOKUPS_TOGETHER];

		for (size_t n = 0; n < count; n++) {
			flock[n] = random_below(&randomness, FLOCKS);
			device[n] = random_below(&randomness, 2 * DEVICES);
			shown[n] = shown_by(crowd_flock(flock[n], 0), device[n]);
			wanted[n].header = shown[n].header;
		}
		if (count > 1 && round % 3 == 0) {
			flock[0] = flock[1];
			device[0] = device[1];
			shown[0] = shown[1];
		}
		search_devices(r, wanted, count);
		for (size_t n = 0; n < count; n++) {
			bool there = device[n] >= 1 && device[n] <= DEVICES;

			assert_int_equal(wanted[n].found, there);
			if (!there)
				continue;
			assert_true(flock_equal(wanted[n].who.own, crowd_flock(flock[n], 0)));
			assert_int_equal(wanted[n].who.device.value, device[n]);
		}
	}
	registry_free(r);
}

static void
nothing_is_searched_for_nobody(void **state)
{
	struct registry *r = crowd_registry(1, 1, &randomness);

	(void)state;
	search_devices(r, NULL, 0);
	registry_free(r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_device_is_found),
		cmocka_unit_test(several_are_found_together),
		cmocka_unit_test(nothing_is_searched_for_nobody),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
