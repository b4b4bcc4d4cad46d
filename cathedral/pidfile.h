/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_PIDFILE_H
#define CATHEDRAL_PIDFILE_H

#include "base/fault.h"

#include <stdbool.h>

/* Locked as long as the process lives, so that a file left behind never stops a new one. */
struct pidfile {
	int fd; /* -1: none */
	const char *path;
	bool others; /* the process id in it is another's: it stays when this one ends */
};

#define PIDFILE_NONE                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Writes the process id; path is borrowed, empty for none.  Refused while another holds it. */
bool pidfile_open(struct pidfile *p, const char *path, struct fault *why);

/* The one that a process before this has at path, with its lock; the id in it is still the other's.
 */
void pidfile_take(struct pidfile *p, int fd, const char *path);
bool pidfile_write(struct pidfile *p); /* that it is ours; without one there is nothing to do */

/* Another process has it now. */
void pidfile_leave(struct pidfile *p);
void pidfile_close(struct pidfile *p);

#endif
