/* SPDX-License-Identifier: ISC */
/* Files with secrets, which are taken only when nobody else can read them. */
#ifndef BASE_PRIVATE_H
#define BASE_PRIVATE_H

#include "base/fault.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * Reads the first max bytes of a regular file into out and returns how long the file is, which may
 * be more; -1 with the reason, and nothing of it is left in out.  It has to be of this program's
 * user or root, and nobody but these may have access to it, neither by its mode nor by an access
 * list: one that lets in this user alone (systemd gives credentials so) is fine.  what names the
 * secret in the reason: "key".
 */
ssize_t private_read(void *out, size_t max, const char *path, const char *what, struct fault *why);

#endif
