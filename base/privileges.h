/* SPDX-License-Identifier: ISC */
#ifndef BASE_PRIVILEGES_H
#define BASE_PRIVILEGES_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Gives up root for good: groups, gid, uid of the named user, and checks that they cannot come
 * back.  With user empty and not started as root the user stays; as root without a user it is
 * refused.  Then does what privileges_give_up() does.
 */
bool privileges_drop(const char *user, struct fault *why);

/*
 * Stays the user that it is, but gives up every capability for good: root may do with files what
 * their owner may, and no more.  Sets no_new_privs and forbids core dumps (they would hold
 * secrets).  Before other threads are started.
 */
bool privileges_give_up(struct fault *why);

/*
 * From here on this process and the threads it makes may use only the system calls named (see
 * seccomp(2)); others fail with EPERM.  names ends with NULL; unknown names are skipped, so that
 * one list serves several architectures.
 */
bool privileges_seccomp(const char *const *names, struct fault *why);

#endif
