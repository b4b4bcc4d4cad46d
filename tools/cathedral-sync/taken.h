/* SPDX-License-Identifier: ISC */
/*
 * What the cathedral has read, in the service's numbers.  It says how far it is by the version of
 * registry.db, which is that file's own; here is remembered up to which change of the service the
 * file went when it had which version.
 */
#ifndef CATHEDRAL_SYNC_TAKEN_H
#define CATHEDRAL_SYNC_TAKEN_H

#include "registry/registry_db.h"

/* Pages that are remembered: at ten a second, more than pass between two heartbeats. */
#define TAKEN_PAGES 256

struct taken {
	char database[RECORD_DATABASE]; /* whose changes these are */
	struct {
		uint64_t version, until;
	} pages[TAKEN_PAGES];
	size_t count; /* of all that were noted: the last ones are there */
	uint64_t until;
};

/* How far the file is now, each time that it changed.  Another database, or another file, begins
 * anew. */
void taken_note(struct taken *t, const struct registry_db_state *held);

/*
 * The cathedral has read up to this version: up to which change it has everything, then.  What is
 * older than all that is remembered leaves that as it was.
 */
uint64_t taken_until(struct taken *t, uint64_t version);

#endif
