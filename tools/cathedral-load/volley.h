/* SPDX-License-Identifier: ISC */
/*
 * Batches of datagrams: the only place of the tools that calls sendmmsg and recvmmsg.  What merges
 * sends runs of equal packets as one (UDP_SEGMENT) and takes them so (UDP_GRO), where the kernel
 * can do that; the others have a message for each packet, both ways.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_VOLLEY_H
#define TOOLS_CATHEDRAL_LOAD_VOLLEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define VOLLEY_BATCH 64 /* packets to be sent, and messages to be received, at a time */
#define VOLLEY_ROOM  2048

struct volley; /* room for a batch each way; one thread's */

struct volley *volley_create(bool merge); /* NULL: out of memory */
void volley_destroy(struct volley *v);    /* NULL is fine */

/* From now on what comes to the socket may be merged; for a volley that merges. */
void volley_let_merge(int fd);

/* How many packets of that size can leave as one. */
size_t volley_run(size_t size);

/*
 * Sends at most VOLLEY_BATCH packets over a connected socket, in their order.  Returns how many the
 * kernel took: the others found no room, and may be tried again.  *refused counts those, among the
 * ones taken, that were not sent, because nobody listens there.
 */
size_t volley_send(
    struct volley *v, int fd, const struct iovec *packets, size_t count, uint64_t *refused);

/*
 * What waits, as far as there is room: so many packets, at most VOLLEY_BATCH unless it merges.  The
 * bytes hold until the next call.  Never waits.
 */
size_t volley_receive(struct volley *v, int fd);

struct iovec volley_packet(const struct volley *v, size_t n);

/* The same, but waits for the first; returns messages, with their sources. */
size_t volley_await(struct volley *v, int fd);

struct iovec volley_message(const struct volley *v, size_t n);
const struct sockaddr_storage *volley_source(const struct volley *v, size_t n);

/* Sends message n of those that came on to an address, as it came, with volley_flush(). */
void volley_forward(struct volley *v, size_t n, const struct sockaddr_storage *to, socklen_t len);
size_t volley_flush(struct volley *v, int fd);

#endif
