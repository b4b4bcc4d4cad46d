/* SPDX-License-Identifier: ISC */
#include "cathedral/io/batch.h"

#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_BYTES 65536 /* more than a datagram, or datagrams merged, can have */

/*
 * From the beginning of one message to the next: were it a round number, the beginnings of all of
 * them would fight for the same few lines of the caches.
 */
#define MESSAGE_STRIDE (PACKET_HEADROOM + MESSAGE_BYTES + 2048)

/*
 * Merged messages are taken a few at a time: thousands of packets at once would keep the other
 * sockets waiting, and what is received would have left the cache when it is sent.
 */
#define MERGED_MANY  (2 * PIPELINE_BATCH)
#define MESSAGES_MIN 4

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t))];
};

struct batch {
	/* What recvmmsg() filled, and how far it was handed out. */
	struct source *source;
	size_t count, next, ask;
	size_t packets_so_far;

	/* Of the message that is being taken apart. */
	size_t at, segment; /* segment: bytes of each packet but the last; 0: there is one */
	struct endpoint from;
	bool readable;

	struct mmsghdr messages[PIPELINE_BATCH];
	struct iovec vectors[PIPELINE_BATCH];
	struct sockaddr_storage names[PIPELINE_BATCH];
	union control controls[PIPELINE_BATCH];
	struct packet *packets[PIPELINE_BATCH];
	struct packet room[PIPELINE_BATCH];
	uint8_t *bytes;
};

struct batch *
batch_create(void)
{
	struct batch *b = aligned_alloc(64, (sizeof(*b) + 63) & ~(size_t)63);

	if (b == NULL)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->ask = PIPELINE_BATCH;
	b->bytes = calloc(PIPELINE_BATCH, MESSAGE_STRIDE);
	if (b->bytes == NULL) {
		batch_destroy(b);
		return NULL;
	}
	for (size_t i = 0; i < PIPELINE_BATCH; i++) {
		struct msghdr *m = &b->messages[i].msg_hdr;

		b->packets[i] = &b->room[i];
		b->vectors[i].iov_base = b->bytes + i * MESSAGE_STRIDE + PACKET_HEADROOM;
		b->vectors[i].iov_len = MESSAGE_BYTES;
		m->msg_iov = &b->vectors[i];
		m->msg_iovlen = 1;
		m->msg_name = &b->names[i];
		m->msg_namelen = sizeof(b->names[i]);
		m->msg_controllen = sizeof(b->controls[i]);
		m->msg_control = &b->controls[i];
	}
	return b;
}

void
batch_destroy(struct batch *b)
{
	if (b == NULL)
		return;
	free(b->bytes);
	free(b);
}

struct packet *const *
batch_packets(const struct batch *b)
{
	return b->packets;
}

bool
batch_has_left(const struct batch *b)
{
	return b->next < b->count;
}

bool
batch_has_more(const struct batch *b)
{
	return batch_has_left(b) || b->count == b->ask;
}

/* The kernel wrote over the lengths of what it was given to write to. */
static bool
receive(struct batch *b, struct source *source)
{
	int count;

	for (size_t i = 0; i < b->count; i++) {
		b->messages[i].msg_hdr.msg_namelen = sizeof(b->names[i]);
		b->messages[i].msg_hdr.msg_controllen = sizeof(b->controls[i]);
	}
	if (b->packets_so_far > MERGED_MANY)
		b->ask = b->ask / 2 < MESSAGES_MIN ? MESSAGES_MIN : b->ask / 2;
	else if (b->ask < PIPELINE_BATCH)
		b->ask *= 2;
	count = recvmmsg(source->fd, b->messages, (unsigned)b->ask, MSG_DONTWAIT, NULL);
	b->source = source;
	b->count = count > 0 ? (size_t)count : 0;
	b->next = b->at = b->packets_so_far = 0;
	return count > 0;
}

static void
read_control(struct batch *b, struct msghdr *m, struct stats *stats)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		int segment;
		uint32_t lost;

		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
			b->segment = segment > 0 ? (size_t)segment : 0;
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(&lost, CMSG_DATA(c), sizeof(lost));
			stats_add(&stats->rx_overflow, (uint32_t)(lost - b->source->lost));
			b->source->lost = lost;
		}
	}
}

static void
message_begin(struct batch *b, struct stats *stats)
{
	struct mmsghdr *m = &b->messages[b->next];

	b->segment = 0;
	if (m->msg_hdr.msg_controllen > 0)
		read_control(b, &m->msg_hdr, stats);
	b->readable = endpoint_from_sockaddr(&b->from, &b->names[b->next]);
	stats_add(&stats->rx_bytes, m->msg_len);
	stats_add(&stats->rx_merged, b->segment > 0);
}

/* The next packet of the message; what lies between others has only its own bytes to itself. */
static void
message_take(struct batch *b, struct packet *pkt)
{
	const struct mmsghdr *m = &b->messages[b->next];
	uint8_t *begin = b->vectors[b->next].iov_base;
	size_t left = m->msg_len - b->at;
	bool last = b->segment == 0 || left <= b->segment;
	size_t len = last ? left : b->segment;
	/* What was cut off is not what was sent. */
	bool cut =
	    len > PACKET_MAX || !b->readable || (last && (m->msg_hdr.msg_flags & MSG_TRUNC) != 0);

	pkt->head = begin + b->at;
	pkt->len = cut ? 0 : len;
	pkt->low = b->at == 0 ? begin - PACKET_HEADROOM : pkt->head;
	pkt->high = last ? begin + MESSAGE_BYTES : pkt->head + len;
	pkt->from = b->from;
	pkt->listener = b->source->listener;
	pkt->nat_port = b->source->nat_port;

	b->at += len;
	if (last) {
		b->at = 0;
		b->next++;
	}
}

size_t
batch_recv(struct batch *b, struct source *source, struct stats *stats)
{
	size_t n = 0;

	if (!batch_has_left(b) && !receive(b, source))
		return 0;
	while (n < PIPELINE_BATCH && batch_has_left(b)) {
		if (b->at == 0)
			message_begin(b, stats);
		message_take(b, &b->room[n++]);
	}
	b->packets_so_far += n;
	stats_add(&stats->rx_packets, n);
	return n;
}
