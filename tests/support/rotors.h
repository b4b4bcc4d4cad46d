/* SPDX-License-Identifier: ISC */
/*
 * One shrouded cathedral and a great many devices that draw a new identity every 300 s, in virtual
 * time: how many of the new ones need a search among all devices.  Nine in ten devices have an
 * address of their own, the others are behind NATs, forty to an address.
 */
#ifndef TESTS_SUPPORT_ROTORS_H
#define TESTS_SUPPORT_ROTORS_H

#include "base/random.h"

#include <stddef.h>
#include <stdint.h>

struct rotors;

/* So many devices, all of them known under their first identity. */
struct rotors *rotors_create(size_t devices, struct random *r);
void rotors_destroy(struct rotors *r);

/* All further infos of a device come from another address than its earlier ones. */
void rotors_move_all(struct rotors *r);

/* Every device sends an info each 100 s; a search takes no time. */
void rotors_run_s(struct rotors *r, uint64_t seconds);

struct rotors_count {
	uint64_t infos, accepted;  /* what was sent, and what of it taken */
	uint64_t rotations;        /* infos under an identity that was not shown before */
	uint64_t hinted, searched; /* new identities found by their source, and not */
	size_t known;              /* identities in the table now */
};

struct rotors_count rotors_count(const struct rotors *r);

#endif
