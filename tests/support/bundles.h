/* SPDX-License-Identifier: ISC */
/* Whole bundles as they are uploaded: right in everything that can be checked without keys. */
#ifndef TESTS_SUPPORT_BUNDLES_H
#define TESTS_SUPPORT_BUNDLES_H

#include "base/ids.h"

#include <stddef.h>
#include <stdint.h>

struct made_bundle {
	uint8_t *bytes; /* malloc'd: free(m.bytes) */
	size_t len;
};

/* Between two flocks, the first named first, or within one when they are equal; it ends so many
 * days after now. */
struct made_bundle bundle_make(struct flock_id first, struct flock_id second, uint32_t generation,
    int64_t now_s, unsigned days);

/* The same bytes with another generation. */
void bundle_renumber(struct made_bundle *m, uint32_t generation);

/* The same bytes as the bundle of another flock, within which it is. */
void bundle_rename(struct made_bundle *m, struct flock_id flock);

#endif
