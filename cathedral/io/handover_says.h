/* SPDX-License-Identifier: ISC */
/* How giver and taker say and hear the messages of io/handover.h. */
#ifndef CATHEDRAL_IO_HANDOVER_SAYS_H
#define CATHEDRAL_IO_HANDOVER_SAYS_H

#include "base/fault.h"
#include "cathedral/io/channel.h"
#include "cathedral/io/handover.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With one file, or -1 for none; or with several. */
bool handover_say(
    struct channel *c, enum handover_kind kind, const uint8_t *body, size_t len, int fd);
bool handover_say_with(struct channel *c, enum handover_kind kind, const uint8_t *body, size_t len,
    const int *fds, size_t fd_count);

/* Tells the other side why, if it still listens. */
void handover_refuse(struct channel *c, const struct fault *why);

/* The same to somebody who is not let in at all; closes fd. */
void handover_turn_away(int fd, const char *why);

/* This message, and no other: what came is in c->frame.  wait_ms as for channel_get(). */
bool handover_hear(struct channel *c, enum handover_kind kind, int wait_ms, struct fault *why);

/* Whether what came last has this version and is no refusal: else the reason. */
bool handover_is_fine(const struct channel *c, struct fault *why);

/* Why nothing came: never true. */
bool handover_silence(enum channel_got got, struct fault *why);

/* The rest of a message as text that may be logged; cut to size. */
void handover_text(struct cursor *c, char *text, size_t size);

#endif
