/* SPDX-License-Identifier: ISC */
#include "cathedral/io/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

struct batch {
	struct mmsghdr messages[PIPELINE_BATCH];
	struct iovec vectors[PIPELINE_BATCH];
	struct sockaddr_storage from[PIPELINE_BATCH];
	struct packet *packets[PIPELINE_BATCH];
	struct packet room[PIPELINE_BATCH];
};

struct batch_sender {
	struct sender sender; /* first: the pipeline gives us a pointer to it */
	const struct socket_pair *pairs;
	size_t pair_count;
	struct stats *stats;
	struct mmsghdr messages[OUTBOX_MAX];
	struct iovec vectors[OUTBOX_MAX];
	struct sockaddr_storage to[OUTBOX_MAX];
};

struct batch *
batch_create(void)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	for (size_t i = 0; i < PIPELINE_BATCH; i++) {
		struct msghdr *m = &b->messages[i].msg_hdr;

		b->packets[i] = &b->room[i];
		b->vectors[i].iov_base = packet_start(&b->room[i]);
		b->vectors[i].iov_len = PACKET_MAX + 1;
		m->msg_iov = &b->vectors[i];
		m->msg_iovlen = 1;
		m->msg_name = &b->from[i];
		m->msg_namelen = sizeof(b->from[i]);
	}
	return b;
}

void
batch_destroy(struct batch *b)
{
	free(b);
}

struct packet *const *
batch_packets(const struct batch *b)
{
	return b->packets;
}

size_t
batch_recv(struct batch *b, int fd, uint8_t listener, bool nat_port, struct stats *stats)
{
	int count = recvmmsg(fd, b->messages, PIPELINE_BATCH, MSG_DONTWAIT, NULL);
	uint64_t bytes = 0;

	if (count <= 0)
		return 0;
	for (int i = 0; i < count; i++) {
		struct mmsghdr *m = &b->messages[i];
		struct packet *pkt = &b->room[i];
		/* What was cut off is not what was sent. */
		bool cut = m->msg_len > PACKET_MAX || (m->msg_hdr.msg_flags & MSG_TRUNC) != 0;

		bytes += m->msg_len;
		if (!endpoint_from_sockaddr(&pkt->from, &b->from[i]))
			cut = true;
		packet_reset(pkt, cut ? 0 : m->msg_len);
		pkt->listener = listener;
		pkt->nat_port = nat_port;
		m->msg_hdr.msg_namelen = sizeof(b->from[i]); /* the kernel wrote how long it is */
	}
	stats_add(&stats->rx_packets, (uint64_t)count);
	stats_add(&stats->rx_bytes, bytes);
	return (size_t)count;
}

/*
 * sendmmsg() stops before the packet that the kernel refuses and says why only when that is the
 * first: then it alone is left out.
 */
static void
send_all(struct batch_sender *s, int fd, size_t count)
{
	uint64_t packets = 0, bytes = 0, refused = 0;

	for (size_t done = 0; done < count;) {
		int sent = sendmmsg(fd, s->messages + done, (unsigned)(count - done), MSG_DONTWAIT);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent <= 0) {
			refused++;
			done++;
			continue;
		}
		for (int i = 0; i < sent; i++)
			bytes += s->messages[done + (size_t)i].msg_len;
		packets += (uint64_t)sent;
		done += (size_t)sent;
	}
	stats_add(&s->stats->tx_packets, packets);
	stats_add(&s->stats->tx_bytes, bytes);
	stats_add(&s->stats->tx_refused, refused);
}

/* Puts those for one listener side by side, in their order. */
static size_t
gather(struct batch_sender *s, struct packet *const *packets, size_t count, size_t listener)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct msghdr *m = &s->messages[n].msg_hdr;

		if (packets[i]->to_listener != listener)
			continue;
		s->vectors[n].iov_base = packets[i]->head;
		s->vectors[n].iov_len = packets[i]->len;
		m->msg_iov = &s->vectors[n];
		m->msg_iovlen = 1;
		m->msg_name = &s->to[n];
		m->msg_namelen = endpoint_to_sockaddr(&packets[i]->to, &s->to[n]);
		n++;
	}
	return n;
}

static void
batch_send(struct sender *sender, struct packet *const *packets, size_t count)
{
	struct batch_sender *s = (struct batch_sender *)sender;

	while (count > 0) {
		size_t part = count < OUTBOX_MAX ? count : OUTBOX_MAX, left = part;

		for (size_t l = 0; l < s->pair_count && left > 0; l++) {
			size_t n = gather(s, packets, part, l);

			send_all(s, s->pairs[l].main, n);
			left -= n;
		}
		stats_add(&s->stats->tx_refused, left); /* for listeners that there are not */
		packets += part;
		count -= part;
	}
}

struct batch_sender *
batch_sender_create(const struct socket_pair *pairs, size_t count, struct stats *stats)
{
	struct batch_sender *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->sender.send = batch_send;
	s->pairs = pairs;
	s->pair_count = count;
	s->stats = stats;
	return s;
}

void
batch_sender_destroy(struct batch_sender *s)
{
	free(s);
}

struct sender *
batch_sender_of(struct batch_sender *s)
{
	return &s->sender;
}
