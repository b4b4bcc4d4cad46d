/* SPDX-License-Identifier: ISC */
/*
 * Many flocks of the same shape, for benches: their devices' secrets follow from their numbers, so
 * that packets can be made for any of them without keeping them all.
 */
#ifndef TESTS_SUPPORT_CROWD_H
#define TESTS_SUPPORT_CROWD_H

#include "cathedral/relay/pipeline.h"
#include "cathedral/state/registry.h"
#include "tools/device/device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Flock n (from 0), none of another test's; domain 0 is for listener 0, domain 1 for listener 1. */
struct flock_id crowd_flock(size_t n, uint8_t domain);

/* Flocks of so many devices: identities and KEK numbers 1, 2, ...; caps are 0. */
struct registry *crowd_registry(size_t flocks, unsigned devices, struct random *r);

/* The same flocks besides those that a registry, which nobody reads yet, has already. */
void crowd_join(struct registry *r, size_t flocks, unsigned devices);

struct cathedral_secret crowd_secret(size_t flock, uint32_t device);
struct device_keys crowd_keys(size_t flock, uint32_t device);

/* Where the devices of the crowd are; apart: each second one at an address of its own. */
struct crowd_places {
	struct endpoint first, second;
	bool apart;
};

/* Where the second device of a flock is: apart, 127.1.0.0 and up at the port of `second`. */
struct endpoint crowd_second_at(const struct crowd_places *places, size_t flock);

/*
 * Makes the tunnels between devices 1 and 2 of the first `flocks` flocks known, both ways, in clear
 * on listener 0 and shrouded on listener 1: four tunnels a flock.
 */
void crowd_meet(
    struct site *site, size_t flocks, const struct crowd_places *places, uint64_t now_ns);

/*
 * A data packet of `len` bytes without its shroud, from device 1 of a flock to device 2, as it
 * comes in at that listener; no padding.  The identity it shows is made known.  Returns its length.
 */
struct crowd_packet {
	size_t flock;
	uint8_t listener; /* 0: clear, 1: shrouded */
	size_t len;
};

size_t crowd_packet(uint8_t *out, const struct crowd_packet *what, struct site *site,
    struct instant now, struct random *r);

/* A sender that only counts. */
struct drain {
	struct sender sender;
	uint64_t packets, bytes;
};

void drain_init(struct drain *d);

/* Room for a batch, and pointers to it. */
struct crowd_batch {
	struct packet packets[PIPELINE_BATCH];
	struct packet *at[PIPELINE_BATCH];
};

struct crowd_batch *crowd_batch_create(void);

#endif
