/* SPDX-License-Identifier: ISC */
/*
 * A registry from registry.db: loaded whole once, and from then on by what changed (see
 * registry/registry_db.h for who writes it).  The main thread only.
 */
#ifndef CATHEDRAL_STATE_FOLLOW_H
#define CATHEDRAL_STATE_FOLLOW_H

#include "cathedral/state/registry.h"

#include <stdbool.h>
#include <stddef.h>

struct follow;

/* Opens nothing yet.  Paths are borrowed; NULL when out of memory. */
struct follow *follow_create(const char *path, const char *key);
void follow_destroy(struct follow *f); /* NULL is fine */

/* Whether there is such a file; before the first page was written there is none. */
bool follow_is_there(const struct follow *f);

/*
 * Whether registry.db has what r, made by follow_load() or empty, has not.  Costs next to nothing.
 * One that was not there yet is looked for; one that was taken away again counts as changed.
 */
bool follow_changed(struct follow *f, const struct registry *r);

/*
 * The registry as the file says it now, from old, which was made by this or is empty.  touched
 * gets, in addition, every flock about whose devices, ambries or xflocks something may be other
 * than in old.  NULL with the reason, when the file is not right: nothing happened.
 */
struct registry *follow_load(struct follow *f, const struct registry_source *source,
    const struct registry *old, struct registry_touched *touched, struct fault *why);

/* What was loaded last did not come in force: the next load begins anew. */
void follow_again(struct follow *f);

#endif
