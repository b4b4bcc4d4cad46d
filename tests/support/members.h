/* SPDX-License-Identifier: ISC */
/*
 * Members of flocks with keys of their own, and what a registry and a device need of them, without
 * files.  Benches use it as well as tests; nothing here can fail but for want of memory, which ends
 * the program.
 */
#ifndef TESTS_SUPPORT_MEMBERS_H
#define TESTS_SUPPORT_MEMBERS_H

#include "base/random.h"
#include "cathedral/state/registry.h"
#include "tools/device/device.h"

#include <stddef.h>
#include <stdint.h>

struct member {
	struct device_id id;
	uint8_t number;
	uint32_t mbit;
	struct device_keys keys;
	struct cosk_public public;
};

struct member member_make(uint32_t id, uint8_t number, uint32_t mbit, struct random *r);

struct registry_spec_device member_spec(const struct member *m);

/* The flock of these members, owned by the caller. */
struct registry_flock *members_flock(
    struct flock_id flock, const struct member *members, size_t count);

/* How a member talks: from its flock to another (or its own), to the device of this number. */
struct member_way {
	struct flock_id from, to; /* with their domains */
	uint8_t peer;
	bool shroud;
	struct endpoint cathedral;
	uint16_t nat_port;
};

struct device member_device(
    const struct member *m, const struct member_way *way, const struct device_moment *moment);

/* ---- bundles whose entries say where they belong, instead of holding wrapped secrets ---- */

struct bundle_plan {
	struct flock_id first, second; /* equal: within one flock */
	uint16_t expires;
	uint32_t generation;
};

/* A whole bundle of the plan's flocks, malloc'd. */
uint8_t *bundle_write(const struct bundle_plan *plan, size_t *len);

/* What stands in it for this device's end of a tunnel. */
struct bundle_entry bundle_entry_of(
    const struct bundle_plan *plan, struct flock_id flock, struct tunnel_id tunnel);

#endif
