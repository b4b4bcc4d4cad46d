/* SPDX-License-Identifier: ISC */
/*
 * A folder with settings, secrets and bundles, as a cathedral has it, for tests that load
 * registries from real files.  Whatever cannot be written fails the running test.
 */
#ifndef TESTS_SUPPORT_PLACE_H
#define TESTS_SUPPORT_PLACE_H

#include "cathedral/state/registry.h"
#include "tests/support/members.h"
#include "tests/support/scratch.h"

#include <stddef.h>

#define PLACE_A UINT64_C(0xaa00)
#define PLACE_B UINT64_C(0xbb00)

#define PLACE_EXPIRES 60000 /* days: far away */

struct place {
	struct scratch dir;
	struct scratch_name settings, secrets, federation;
	struct registry_source source;
};

/* Keys of devices 1 and 2 of flocks a and b; no settings yet. */
void place_make(struct place *p, struct random *r);
void place_remove(struct place *p);

/* The path of a file in it. */
struct scratch_name place_name(const struct place *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void place_write(struct scratch_name name, const void *data, size_t len);
void place_write_keys(const struct place *p, struct flock_id flock, const struct member *m);
void place_write_bundle(const struct place *p, const char *name, const struct bundle_plan *plan);

/* Replaces the settings. */
void place_say(const struct place *p, const char *settings);

/* Loads what is there; a fault fails the test. */
struct registry *place_load(const struct place *p, const struct registry *old);

/* Loading is refused, for this reason; "@" stands for the folder. */
void place_expect_fault(const struct place *p, const struct registry *old, const char *want);

#define PLACE_ONE_FLOCK                                                                            \
	"flock aa00 {\n"                                                                           \
	"\tallow 1 spi 1 25\n"                                                                     \
	"\tallow 2 spi 2 0\n"                                                                      \
	"}\n"

#define PLACE_TWO_FLOCKS                                                                           \
	PLACE_ONE_FLOCK "flock bb00 {\n"                                                           \
			"\tallow 1 spi 1 25\n"                                                     \
			"\tallow 2 spi 2 0\n"                                                      \
			"}\n"

#endif
