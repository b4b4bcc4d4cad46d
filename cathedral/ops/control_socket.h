/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_OPS_CONTROL_SOCKET_H
#define CATHEDRAL_OPS_CONTROL_SOCKET_H

#include "base/fault.h"

/*
 * A listening UNIX socket at path, -1 with the reason when it cannot be.  For user and the members
 * of its group (0660) or, when user is empty, for owner alone (0600); owner empty means whoever
 * this process is.  A socket that nobody listens on is replaced; one that answers, and anything
 * else at the path, is left alone.
 */
int control_socket_open(const char *path, const char *user, const char *owner, struct fault *why);

#endif
