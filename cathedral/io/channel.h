/* SPDX-License-Identifier: ISC */
/*
 * Two processes of one machine tell each other frames (state/frame.h), one a message, and hand each
 * other open files with them.  Blocking, but never for longer than is said.
 */
#ifndef CATHEDRAL_IO_CHANNEL_H
#define CATHEDRAL_IO_CHANNEL_H

#include "base/fault.h"
#include "cathedral/state/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_FDS 64 /* with one message */

struct channel {
	int fd; /* SOCK_SEQPACKET; -1: none */
	uint8_t in[FRAME_MAX];
	struct frame frame; /* what came last; its body is in `in` */
	int fds[CHANNEL_FDS];
	size_t fd_count; /* came with it; the caller takes them, or they are closed with the next */
};

/* Connects to the socket at path: false with errno. */
bool channel_connect(struct channel *c, const char *path);

/* Takes over fd. */
void channel_open(struct channel *c, int fd);
void channel_close(struct channel *c);

#define CHANNEL_WAIT_MS 5000 /* the other side has to take, or to say, something in that time */

/* A frame that was put together elsewhere. */
bool channel_put(struct channel *c, const uint8_t *frame, size_t len);

/* One with files, which stay open here, too; no body and no files are fine. */
bool channel_send(struct channel *c, const struct frame *f, const int *fds, size_t fd_count);

enum channel_got {
	CHANNEL_FRAME,
	CHANNEL_END,   /* the other side has closed it, or is gone */
	CHANNEL_LATE,  /* nothing came in time */
	CHANNEL_WRONG, /* what came is no frame, or broke on the way */
};
/* wait_ms -1: for as long as it takes. */
enum channel_got channel_get(struct channel *c, int wait_ms);

/* Takes one of the files over; -1: there is none. */
int channel_take_fd(struct channel *c, size_t n);

#endif
