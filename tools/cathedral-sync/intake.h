/* SPDX-License-Identifier: ISC */
/* From the bytes that came to the registry; and what is kept of those that are not fit for it. */
#ifndef CATHEDRAL_SYNC_INTAKE_H
#define CATHEDRAL_SYNC_INTAKE_H

#include "base/fault.h"
#include "registry/records.h"

#include <stddef.h>
#include <sys/types.h>

#define INTAKE_BODY_MAX    (UINT64_C(64) << 20)
#define INTAKE_REFUSED_MAX (UINT64_C(16) << 20) /* of a body that is not fit */

/* False with the reason; *ret is to be freed in either case. */
bool intake_read(struct record_page *ret, const char *body, size_t len, struct fault *why);

/*
 * Puts the body, or its beginning, to path for the operator, in the place of the one before.  What
 * may be a secret (more than 32 hex digits in a row) is made unreadable, in the body as well.
 */
bool intake_keep(const char *path, mode_t mode, char *body, size_t len, struct fault *why);

#endif
