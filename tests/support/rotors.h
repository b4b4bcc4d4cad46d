/* SPDX-License-Identifier: ISC */
/*
 * One cathedral and a great many devices, in virtual time.  Under a shroud they draw a new identity
 * every 300 s: how many of the new ones need a search among all devices; and what it costs when all
 * come back to a cathedral that was started again.  Nine in ten devices have an address of their
 * own, the others are behind NATs, forty to an address.
 */
#ifndef TESTS_SUPPORT_ROTORS_H
#define TESTS_SUPPORT_ROTORS_H

#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rotors;

/* So many devices; under a shroud all of them are known under their first identity. */
struct rotors *rotors_create(size_t devices, bool shrouded, struct random *r);
void rotors_destroy(struct rotors *r);

/* All further infos of a device come from another address than its earlier ones. */
void rotors_move_all(struct rotors *r);

/* Every device sends an info each 100 s; a search takes no time. */
void rotors_run_s(struct rotors *r, uint64_t seconds);

/* What the next cathedral has of what the one before it knew. */
enum rotors_left {
	ROTORS_TOLD,   /* all of it, as a process that takes over is told */
	ROTORS_FILE,   /* the state file */
	ROTORS_NOTHING /* nothing: this is another machine */
};

/*
 * Another cathedral takes the place of this one after so many seconds, in which devices send, if
 * anything, in vain.  path is where the state file may be.  Returns how long it took it to know
 * what is left.
 */
uint64_t rotors_restart(
    struct rotors *r, enum rotors_left left, uint64_t pause_s, const char *path);

/* The next so many devices send an info each at this moment.  CPU time of worker and scanner. */
struct rotors_return {
	uint64_t worker_ns, scanner_ns;
};

struct rotors_return rotors_come_back(struct rotors *r, size_t devices);

struct rotors_count {
	uint64_t infos, accepted;  /* what was sent, and what of it taken */
	uint64_t rotations;        /* infos under an identity that was not shown before */
	uint64_t hinted, searched; /* new identities found by their source, and not */
	size_t known;              /* identities in the table now */
};

struct rotors_count rotors_count(const struct rotors *r);

#endif
