/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_OPS_CONTROL_SOCKET_H
#define CATHEDRAL_OPS_CONTROL_SOCKET_H

#include "base/fault.h"

struct control_socket {
	const char *name; /* what faults call it */
	int type;         /* SOCK_STREAM or SOCK_SEQPACKET */
	const char *path;
	const char *user, *owner;
	int inherited; /* listening at path already, for a process before this one; 0: none */
};

/*
 * A listening UNIX socket at path, -1 with the reason when it cannot be.  For user and the members
 * of its group (0660) or, when user is empty, for owner alone (0600); owner empty means whoever
 * this process is.  A socket that nobody listens on is replaced; one that answers, and anything
 * else at the path, is left alone.  An inherited one is taken over, also when that fails.
 */
int control_socket_open(const struct control_socket *s, struct fault *why);

#endif
