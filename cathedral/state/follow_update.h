/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_STATE_FOLLOW_UPDATE_H
#define CATHEDRAL_STATE_FOLLOW_UPDATE_H

#include "cathedral/state/registry.h"
#include "registry/registry_db.h"

/* One loading. */
struct update {
	const struct registry_source *source;
	const struct registry *old;
	struct registry *next;
	struct registry_touched *touched;
	struct flock_id *replaced; /* flocks that are other ones than in old */
	size_t replaced_count, replaced_room;
};

/* Its functions take an update as their argument. */
extern const struct registry_db_visitor update_visitor;

/* What has to follow from all that was visited. */
bool update_finish(struct update *u, struct fault *why);

#endif
