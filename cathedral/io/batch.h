/* SPDX-License-Identifier: ISC */
/*
 * Many packets with one system call, in.  The kernel may have put packets of one sender that came
 * close together into one message (UDP_GRO); here they are taken apart again, where they lie.
 */
#ifndef CATHEDRAL_IO_BATCH_H
#define CATHEDRAL_IO_BATCH_H

#include "cathedral/relay/packet.h"
#include "cathedral/relay/pipeline.h"
#include "cathedral/state/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A nonblocking socket to read from, and what there is to know of what comes by it. */
struct source {
	int fd;
	uint8_t listener;
	bool nat_port;
	uint32_t lost; /* packets that the kernel had no room for, as it last said; wraps */
};

/* Memory for received packets, some 4 MiB of which what comes is touched; one thread's. */
struct batch;

struct batch *batch_create(void); /* NULL when out of memory */
void batch_destroy(struct batch *b);

/*
 * Gets up to PIPELINE_BATCH packets, with what the pipeline wants of each: what is left of the
 * messages received before, else from the source, which is borrowed until nothing is left.  One too
 * long for a packet has len 0.  Returns how many; they stay until the next call.
 */
size_t batch_recv(struct batch *b, struct source *source, struct stats *stats);

/* After batch_recv(): packets are left here, and must be fetched before another source is read. */
bool batch_has_left(const struct batch *b);

/* After batch_recv(): it is worth asking the same source once more. */
bool batch_has_more(const struct batch *b);

struct packet *const *batch_packets(const struct batch *b);

#endif
