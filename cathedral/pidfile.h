/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_PIDFILE_H
#define CATHEDRAL_PIDFILE_H

#include "base/fault.h"

#include <stdbool.h>

/* Locked as long as the process lives, so that a file left behind never stops a new one. */
struct pidfile {
	int fd; /* -1: none */
	const char *path;
};

#define PIDFILE_NONE                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Writes the process id; path is borrowed, empty for none.  Refused while another holds it. */
bool pidfile_open(struct pidfile *p, const char *path, struct fault *why);
void pidfile_close(struct pidfile *p);

#endif
