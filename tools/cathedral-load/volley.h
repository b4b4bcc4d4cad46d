/* SPDX-License-Identifier: ISC */
/*
 * Batches of datagrams: the only place of the tools that calls sendmmsg and recvmmsg.  Runs of
 * equal packets leave as one (UDP_SEGMENT) where the kernel can do that.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_VOLLEY_H
#define TOOLS_CATHEDRAL_LOAD_VOLLEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define VOLLEY_BATCH 64 /* as a cathedral takes them */
#define VOLLEY_ROOM  2048

struct volley; /* room for a batch each way; one thread's */

struct volley *volley_create(bool segments); /* NULL: out of memory */
void volley_destroy(struct volley *v);       /* NULL is fine */

/*
 * Sends at most VOLLEY_BATCH packets over a connected socket, in their order.  Returns how many the
 * kernel took: the others found no room, and may be tried again.  *refused counts those, among the
 * ones taken, that were not sent, because nobody listens there.
 */
size_t volley_send(
    struct volley *v, int fd, const struct iovec *packets, size_t count, uint64_t *refused);

/* What waits, at most VOLLEY_BATCH; the bytes hold until the next call.  Never waits. */
size_t volley_receive(struct volley *v, int fd);

/* The same, but waits for the first; with sources, which cost a little more. */
size_t volley_await(struct volley *v, int fd);

struct iovec volley_packet(const struct volley *v, size_t n);
const struct sockaddr_storage *volley_source(const struct volley *v, size_t n);

/* Sends packet n of those that came on to an address, with volley_flush(). */
void volley_forward(struct volley *v, size_t n, const struct sockaddr_storage *to, socklen_t len);
size_t volley_flush(struct volley *v, int fd);

#endif
