/* SPDX-License-Identifier: ISC */
/* Many packets with one system call, in and out. */
#ifndef CATHEDRAL_IO_BATCH_H
#define CATHEDRAL_IO_BATCH_H

#include "cathedral/io/sockets.h"
#include "cathedral/relay/outbox.h"
#include "cathedral/relay/packet.h"
#include "cathedral/relay/pipeline.h"
#include "cathedral/state/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory for received packets; one thread's. */
struct batch;

struct batch *batch_create(void); /* NULL when out of memory */
void batch_destroy(struct batch *b);

/*
 * Receives up to PIPELINE_BATCH packets from a nonblocking socket and fills in what the pipeline
 * wants of each; one too long for a packet has len 0.  Returns how many; they stay until the next
 * call.
 */
size_t batch_recv(struct batch *b, int fd, uint8_t listener, bool nat_port, struct stats *stats);

struct packet *const *batch_packets(const struct batch *b);

/*
 * Sends over the main sockets of one worker, one thread's.  Several threads may send over the same
 * sockets, each with a sender of its own.
 */
struct batch_sender;

/* pairs, one for each listener, and stats are borrowed; NULL when out of memory. */
struct batch_sender *batch_sender_create(
    const struct socket_pair *pairs, size_t count, struct stats *stats);
void batch_sender_destroy(struct batch_sender *s);

/* What the pipeline is given. */
struct sender *batch_sender_of(struct batch_sender *s);

#endif
