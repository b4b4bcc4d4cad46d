/* SPDX-License-Identifier: ISC */
/*
 * The keys of flocks as files below the current folder (docs/protocol.md, "Key tree"):
 *
 *     <flock>/kek-data/kek-0xNN          the KEKs, for the devices
 *     <flock>/internal/kek-0xNN          k1 of each for tunnels within the flock
 *     <flock>/external/<other>/kek-0xNN  k1 of each for tunnels to another flock
 *
 * Flocks are 16 hexadecimal digits, files 32 bytes, 0400 in folders of 0700.  Nothing here
 * overwrites or removes a key.
 */
#ifndef TOOLS_RELIQUARY_AMBRY_TREE_H
#define TOOLS_RELIQUARY_AMBRY_TREE_H

#include "base/fault.h"
#include "base/ids.h"
#include "base/keys.h"
#include "base/random.h"
#include "tools/reliquary-ambry/fresh.h"

#include <stdbool.h>
#include <stdint.h>

/* k1 of every KEK number of one flock toward one flock; [0] is not used.  Wipe it after use. */
struct key_ring {
	struct kek_unwrap_key k1[KEK_NUMBER_MAX + 1];
};

/* "<flock>/internal" or "<flock>/external/<other>". */
void tree_ring_folder(
    char path[static TREE_PATH_MAX], struct flock_id flock, struct flock_id other);

/* "<flock>/kek-data/kek-0xNN", and the same in a ring's folder. */
void tree_kek_path(char path[static TREE_PATH_MAX], struct flock_id flock, uint8_t number);
void tree_ring_path(
    char path[static TREE_PATH_MAX], struct flock_id flock, struct flock_id other, uint8_t number);

/* Whether the KEKs of a flock are here: then this is its owner's tree. */
bool tree_has_keks(struct flock_id flock, struct fault *why);

/* New KEKs 0x01 .. 0xff of a flock, and what is derived from them; all of it or nothing. */
bool tree_generate(struct flock_id flock, struct random *r, struct fault *why);

/* Derives the keys of flock toward other from its KEKs; all of them or none. */
bool tree_export(struct flock_id flock, struct flock_id other, struct fault *why);

/*
 * Reads the keys of flock toward other (itself: the internal ones).  Where the KEKs are at hand,
 * keys that do not belong to them are refused.
 */
bool tree_read_ring(
    struct key_ring *ret, struct flock_id flock, struct flock_id other, struct fault *why);

#endif
