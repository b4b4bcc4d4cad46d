/* SPDX-License-Identifier: ISC */
/*
 * A synthetic fleet: flocks of equal size, whose devices follow from a seed, so that a few lines
 * stand for a million devices.  The devices of a flock share their cathedral secret and signing
 * key: who receives for several of them knows the mask of every packet.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_ROSTER_H
#define TOOLS_CATHEDRAL_LOAD_ROSTER_H

#include "base/fault.h"
#include "base/ids.h"
#include "base/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROSTER_FLOCKS_MAX  500000
#define ROSTER_DEVICES_MAX 250 /* of a flock; there is room for those that come and go */

struct roster_seed {
	uint8_t bytes[32];
};

struct roster {
	uint64_t flocks, devices; /* devices: of each flock, an even number */
	uint64_t mbit;            /* cap of each tunnel and direction; 0: none */
	struct roster_seed seed;  /* as secret as all that follows from it */
};

/* Flock n, from 0. */
struct flock_id roster_flock(uint64_t n);

/* Device d (its KEK number, from 1) of flock n; no other in the fleet has its identity. */
struct device_id roster_device(uint64_t n, uint8_t d);

/* The keys of flock n's devices; wipe them. */
void roster_secret(const struct roster *r, uint64_t n, struct cathedral_secret *ret);
void roster_signing(
    const struct roster *r, uint64_t n, struct cosk_secret *secret, struct cosk_public *public);

/*
 * Tunnel t lies between devices 2k + 1 and 2k + 2 of a flock: the flock's tunnels first, then the
 * next one's.
 */
struct roster_tunnel {
	uint64_t flock;
	uint8_t first, second;
};

uint64_t roster_tunnels(const struct roster *r); /* how many there are */
struct roster_tunnel roster_tunnel(const struct roster *r, uint64_t t);

/* Reads FOLDER/fleet; refused when others may read it. */
bool roster_read(struct roster *ret, const char *folder, struct fault *why);

/* Writes FOLDER/fleet, mode 0600; never over another one. */
bool roster_write(const struct roster *r, const char *folder, struct fault *why);

#endif
