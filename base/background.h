/* SPDX-License-Identifier: ISC */
/* A daemon whose caller waits until it serves, and no longer. */
#ifndef BASE_BACKGROUND_H
#define BASE_BACKGROUND_H

#include <stdbool.h>

struct background {
	int fd; /* to the process that waits; -1: none does */
};

#define BACKGROUND_NONE                                                                            \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/*
 * Goes on in a process of its own: true there.  False where it was called, once that process said
 * background_ready(), or ended without (*served is false); to be called before there are threads.
 */
bool background_enter(struct background *b, bool *served);

/* It serves: the caller may return. */
void background_ready(struct background *b);

#endif
