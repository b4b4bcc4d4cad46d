/* SPDX-License-Identifier: ISC */
#ifndef BASE_PRIVILEGES_H
#define BASE_PRIVILEGES_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Gives up root for good: groups, gid, uid of the named user, and checks that they cannot come
 * back.  With user empty and not started as root it does nothing; as root without a user it is
 * refused.  Always sets no_new_privs and forbids core dumps (they would hold secrets).
 */
bool privileges_drop(const char *user, struct fault *why);

/*
 * For root who has nobody to become: stays user 0, but gives up every capability for good, so that
 * it may do with files what their owner may, and no more.  For others it does nothing.  Sets and
 * forbids what privileges_drop() does.
 */
bool privileges_give_up(struct fault *why);

/*
 * From here on this process and the threads it makes may use only the system calls named (see
 * seccomp(2)); others fail with EPERM.  names ends with NULL; unknown names are skipped, so that
 * one list serves several architectures.
 */
bool privileges_seccomp(const char *const *names, struct fault *why);

#endif
