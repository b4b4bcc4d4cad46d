/* SPDX-License-Identifier: ISC */
#include "cathedral/io/batch_sender.h"

#include "cathedral/io/runs.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A socket that cannot send runs at all is asked again after so many packets. */
#define UNABLE_FOR (UINT32_C(1) << 20)

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(uint16_t))];
};

struct batch_sender {
	struct sender sender; /* first: the pipeline gives us a pointer to it */
	const struct sockets *sockets;
	const struct socket_pair *pairs;
	struct stats *stats;
	struct refusals refusals;
	uint32_t unable[LISTENERS_MAX]; /* packets until the socket is asked for a run again */

	/* Of the listener that is being sent for. */
	size_t listener;
	struct runs runs;
	struct mmsghdr messages[OUTBOX_MAX];
	struct iovec vectors[OUTBOX_MAX]; /* one for each packet at most: none is copied */
	struct sockaddr_storage to[OUTBOX_MAX];
	union control controls[OUTBOX_MAX];
};

/* ---- messages ---- */

static void
say_segment(struct msghdr *m, union control *control, size_t segment)
{
	uint16_t bytes = (uint16_t)segment;
	struct cmsghdr *c = &control->align;

	m->msg_control = control;
	m->msg_controllen = sizeof(*control);
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(bytes));
	memcpy(CMSG_DATA(c), &bytes, sizeof(bytes));
}

/*
 * The pieces that a run lies in, which the kernel goes through one by one: packets that were
 * received as one message still lie one behind the other.  Returns how many.
 */
static size_t
gather(struct iovec *pieces, struct packet *const *packets, size_t count)
{
	size_t made = 0;

	for (size_t n = 0; n < count; n++) {
		const struct packet *pkt = packets[n];

		if (n > 0 && pkt->head == packets[n - 1]->head + packets[n - 1]->len)
			pieces[made - 1].iov_len += pkt->len;
		else
			pieces[made++] = (struct iovec){ pkt->head, pkt->len };
	}
	return made;
}

static void
make_messages(struct batch_sender *s)
{
	const struct runs *r = &s->runs;

	for (size_t n = 0; n < r->count; n++) {
		const struct run *run = &r->runs[n];
		struct msghdr *m = &s->messages[n].msg_hdr;

		m->msg_name = &s->to[n];
		m->msg_namelen = endpoint_to_sockaddr(&r->order[run->first]->to, &s->to[n]);
		m->msg_iov = &s->vectors[run->first];
		m->msg_iovlen = gather(m->msg_iov, &r->order[run->first], run->count);
		m->msg_control = NULL;
		m->msg_controllen = 0;
		if (run->count > 1)
			say_segment(m, &s->controls[n], run->segment);
	}
}

/* ---- sending ---- */

/* The packets of a run one by one; how many of them went. */
static size_t
send_singly(struct batch_sender *s, size_t number)
{
	const struct run *run = &s->runs.runs[number];
	struct msghdr m = s->messages[number].msg_hdr;
	size_t sent = 0;
	ssize_t len;

	m.msg_control = NULL;
	m.msg_controllen = 0;
	m.msg_iovlen = 1;
	for (size_t n = 0; n < run->count; n++) {
		const struct packet *pkt = s->runs.order[run->first + n];
		struct iovec whole = { pkt->head, pkt->len };

		m.msg_iov = &whole;
		do {
			len = sendmsg(s->pairs[s->listener].main, &m, MSG_DONTWAIT);
		} while (len == -1 && errno == EINTR);
		if (len == -1)
			continue;
		sent++;
		stats_add(&s->stats->tx_bytes, (uint64_t)len);
	}
	stats_add(&s->stats->tx_packets, sent);
	stats_add(&s->stats->tx_refused, run->count - sent);
	return sent;
}

/*
 * A run is refused for what it is where the way is too narrow for its packets (which go in
 * fragments when they are alone), or is one that nobody computes checksums for or that IPsec wraps
 * up.  What is refused alone, too, has another reason, and so has what there is no room for.
 */
static void
remember_refusal(struct batch_sender *s, const struct run *run, int error)
{
	if (error == EIO)
		s->unable[s->listener] = UNABLE_FOR;
	else if (error == EMSGSIZE || error == EINVAL)
		refusals_add(&s->refusals, &s->runs.order[run->first]->to, run->segment);
}

static void
send_refused(struct batch_sender *s, size_t number, int error)
{
	const struct run *run = &s->runs.runs[number];

	stats_add(&s->stats->tx_full, error == EAGAIN || error == ENOBUFS);
	if (run->count == 1) {
		stats_add(&s->stats->tx_refused, 1);
		return;
	}
	stats_add(&s->stats->tx_runs_refused, 1);
	if (send_singly(s, number) > 0)
		remember_refusal(s, run, error);
}

static void
count_sent(struct batch_sender *s, size_t first, size_t count)
{
	uint64_t packets = 0, bytes = 0, runs = 0;

	for (size_t n = first; n < first + count; n++) {
		packets += s->runs.runs[n].count;
		bytes += s->messages[n].msg_len;
		runs += s->runs.runs[n].count > 1;
	}
	stats_add(&s->stats->tx_packets, packets);
	stats_add(&s->stats->tx_bytes, bytes);
	stats_add(&s->stats->tx_runs, runs);
}

/*
 * sendmmsg() stops before the message that the kernel refuses and says why only when that is the
 * first: then it alone is left out.
 */
static void
send_messages(struct batch_sender *s)
{
	size_t count = s->runs.count;

	for (size_t done = 0; done < count;) {
		int sent = sendmmsg(s->pairs[s->listener].main, s->messages + done,
		    (unsigned)(count - done), MSG_DONTWAIT);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent <= 0) {
			send_refused(s, done, sent == -1 ? errno : 0);
			done++;
			continue;
		}
		count_sent(s, done, (size_t)sent);
		done += (size_t)sent;
	}
}

/* How many packets a run may have for now. */
static size_t
run_limit(struct batch_sender *s, size_t packets)
{
	uint32_t *unable = &s->unable[s->listener];

	if (!s->sockets->merge)
		return 1;
	if (*unable == 0)
		return RUN_PACKETS_MAX;
	*unable -= *unable < packets ? *unable : (uint32_t)packets;
	return 1;
}

static void
batch_send(struct sender *sender, struct packet *const *packets, size_t count)
{
	struct batch_sender *s = (struct batch_sender *)sender;

	while (count > 0) {
		size_t part = count < OUTBOX_MAX ? count : OUTBOX_MAX, left = part;

		for (s->listener = 0; s->listener < s->sockets->listener_count && left > 0;
		     s->listener++) {
			struct runs_rules rules = { (uint8_t)s->listener, run_limit(s, left),
				&s->refusals };

			runs_make(&s->runs, packets, part, &rules);
			make_messages(s);
			send_messages(s);
			left -= s->runs.packets;
		}
		stats_add(&s->stats->tx_refused, left); /* for listeners that there are not */
		packets += part;
		count -= part;
	}
}

struct batch_sender *
batch_sender_create(const struct sockets *sockets, unsigned worker, struct stats *stats)
{
	struct batch_sender *s = aligned_alloc(64, (sizeof(*s) + 63) & ~(size_t)63);

	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->sender.send = batch_send;
	s->sockets = sockets;
	s->pairs = sockets_of(sockets, worker);
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
