/* SPDX-License-Identifier: ISC */
/*
 * Many packets with one system call, out: over the main sockets of one worker, one thread's.
 * Several threads may send over the same sockets, each with a sender of its own.
 */
#ifndef CATHEDRAL_IO_BATCH_SENDER_H
#define CATHEDRAL_IO_BATCH_SENDER_H

#include "cathedral/io/sockets.h"
#include "cathedral/relay/outbox.h"
#include "cathedral/state/stats.h"

struct batch_sender;

/* sockets and stats are borrowed; NULL when out of memory. */
struct batch_sender *batch_sender_create(
    const struct sockets *sockets, unsigned worker, struct stats *stats);
void batch_sender_destroy(struct batch_sender *s);

/* What the pipeline is given. */
struct sender *batch_sender_of(struct batch_sender *s);

#endif
