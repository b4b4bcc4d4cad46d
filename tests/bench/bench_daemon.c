/* SPDX-License-Identifier: ISC */
/*
 * The daemon's way of a packet, from socket to socket on loopback, against echoes that do nothing
 * between the two: the bare one with recvmmsg() and sendmmsg(), a message for each packet, and one
 * that has the daemon's means, packets of one flow in and out as one message.  One thread does
 * everything in turns, and only the cathedral's part (or the echo's) is timed, in CPU time of this
 * thread, what the kernel does for it included.
 */
#include "cathedral/io/batch.h"
#include "cathedral/io/batch_sender.h"
#include "cathedral/io/runs.h"
#include "protocol/crypto/aead.h"
#include "tests/support/crowd.h"
#include "tests/support/figure.h"

#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCHES 10
#define ROUNDS  61
#define FLOCKS  250 /* a thousand tunnels */
#define SIZES   3
#define ROOM    2048

static const size_t sizes[SIZES] = { 100, 512, 1280 };

/* How packets come and go. */
enum shape { SPREAD, FLOW, MERGED, SHAPES };

static const char *const shapes[SHAPES] = {
	"for 64 devices",
	"of one flow",
	"of one flow, merged",
};

/* PIPELINE_BATCH packets as they come in, all of the same length, and where they are to go. */
struct load {
	enum shape shape;
	uint8_t listener;
	size_t len;
	struct endpoint to[PIPELINE_BATCH];
	uint8_t bytes[PIPELINE_BATCH][ROOM];
};

/* What it takes to receive or send a batch. */
struct control {
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))];
};

struct port {
	int fd;
	struct endpoint at;
	size_t room; /* of each message */
	uint8_t *bytes;
	struct mmsghdr in[PIPELINE_BATCH], out[PIPELINE_BATCH];
	struct iovec in_at[PIPELINE_BATCH], out_at[PIPELINE_BATCH];
	struct sockaddr_storage names[PIPELINE_BATCH];
	struct control in_control[PIPELINE_BATCH], out_control[PIPELINE_BATCH];
};

/* first sends, second receives; the cathedral has a listener of each kind. */
static struct port first, second, bare, merging;
static struct socket_pair listeners[2];
static struct endpoint listener_at[2];

static struct instant now = { 1000 * NS_PER_S, 1790000000 };
static struct random randomness;

static void
give_up(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void
merge(int fd, int on)
{
	if (setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)) == -1)
		give_up("UDP_GRO");
}

/* Bound to every address of loopback, or to one. */
static int
socket_open(struct endpoint *at, bool every)
{
	struct endpoint any = endpoint_from_ipv4((uint8_t[]){ 127, 0, 0, 1 }, 0);
	struct endpoint bound = every ? endpoint_from_ipv4((uint8_t[]){ 0, 0, 0, 0 }, 0) : any;
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&bound, &address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), buffer = 4 << 20;

	if (fd == -1 || bind(fd, (struct sockaddr *)&address, len) == -1)
		give_up("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	len = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &len) == -1 ||
	    !endpoint_from_sockaddr(at, &address))
		give_up("getsockname");
	memcpy(at->ip, any.ip, sizeof(at->ip));
	return fd;
}

static void
port_open(struct port *p, size_t room)
{
	p->fd = socket_open(&p->at, p == &second);
	p->room = room;
	p->bytes = calloc(PIPELINE_BATCH, room);
	if (p->bytes == NULL)
		give_up("calloc");
}

/* ---- in ---- */

static int
port_receive(struct port *p)
{
	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		struct msghdr *m = &p->in[n].msg_hdr;

		p->in_at[n] = (struct iovec){ p->bytes + n * p->room, p->room };
		m->msg_iov = &p->in_at[n];
		m->msg_iovlen = 1;
		m->msg_control = &p->in_control[n];
		m->msg_controllen = sizeof(p->in_control[n]);
	}
	return recvmmsg(p->fd, p->in, PIPELINE_BATCH, MSG_DONTWAIT, NULL);
}

/* How many packets of len bytes are in what was received. */
static size_t
port_count(const struct port *p, int messages, size_t len)
{
	size_t count = 0;

	for (int n = 0; n < messages; n++)
		count += p->in[n].msg_len / len;
	return count;
}

static void
expect_batch(size_t count)
{
	if (count == PIPELINE_BATCH)
		return;
	fprintf(stderr, "%zu packets of %d arrived\n", count, PIPELINE_BATCH);
	exit(EXIT_FAILURE);
}

static void
drain_second(size_t len)
{
	expect_batch(port_count(&second, port_receive(&second), len));
}

/* ---- out ---- */

static void
port_name(struct port *p, size_t n, const struct endpoint *to)
{
	p->out[n].msg_hdr.msg_name = &p->names[n];
	p->out[n].msg_hdr.msg_namelen = endpoint_to_sockaddr(to, &p->names[n]);
}

/* Message n of so many pieces, to be cut into packets of len bytes if there are more of them. */
static void
port_message(struct port *p, size_t n, size_t pieces, size_t len)
{
	struct msghdr *m = &p->out[n].msg_hdr;
	struct cmsghdr *c = (struct cmsghdr *)(void *)&p->out_control[n];
	uint16_t segment = (uint16_t)len;

	m->msg_iovlen = pieces;
	m->msg_control = len > 0 ? &p->out_control[n] : NULL;
	m->msg_controllen = len > 0 ? CMSG_SPACE(sizeof(segment)) : 0;
	if (len == 0)
		return;
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(c), &segment, sizeof(segment));
}

static void
port_flush(struct port *p, size_t messages)
{
	if (sendmmsg(p->fd, p->out, (unsigned)messages, 0) != (int)messages)
		give_up("sendmmsg");
}

/* out_at[0 .. pieces - 1], each with one packet or more, as few messages as there can be. */
static void
port_send_merged(struct port *p, size_t pieces, const struct endpoint *to, size_t len)
{
	size_t messages = 0;

	for (size_t at = 0; at < pieces; messages++) {
		size_t bytes = 0, from = at;

		while (at < pieces && bytes + p->out_at[at].iov_len <= RUN_BYTES_MAX &&
		       bytes + p->out_at[at].iov_len <= RUN_PACKETS_MAX * len)
			bytes += p->out_at[at++].iov_len;
		port_name(p, messages, to);
		p->out[messages].msg_hdr.msg_iov = &p->out_at[from];
		port_message(p, messages, at - from, len);
	}
	port_flush(p, messages);
}

static void
port_send_single(struct port *p, const struct endpoint *to, size_t step)
{
	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		port_name(p, n, &to[n * step]);
		p->out[n].msg_hdr.msg_iov = &p->out_at[n];
		port_message(p, n, 1, 0);
	}
	port_flush(p, PIPELINE_BATCH);
}

/* The load from the first port to where it is relayed or echoed. */
static void
send_load(struct load *l, const struct endpoint *to)
{
	for (size_t n = 0; n < PIPELINE_BATCH; n++)
		first.out_at[n] = (struct iovec){ l->bytes[n], l->len };
	if (l->shape == MERGED)
		port_send_merged(&first, PIPELINE_BATCH, to, l->len);
	else
		port_send_single(&first, to, 0);
}

/* ---- the echoes ---- */

/* Back goes what came in: each message, or all of them as few. */
static void
echo_batch(struct port *p, const struct load *l, bool merged)
{
	int messages = port_receive(p);

	for (int n = 0; n < messages; n++)
		p->out_at[n] = (struct iovec){ p->in_at[n].iov_base, p->in[n].msg_len };
	if (merged)
		port_send_merged(p, (size_t)messages, &l->to[0], l->len);
	else
		port_send_single(p, l->to, 1);
	expect_batch(port_count(p, messages, l->len));
}

static double
echo_ns(struct port *p, struct load *l, bool merged)
{
	uint64_t took = 0;

	for (int n = 0; n < BATCHES; n++) {
		uint64_t start;

		send_load(l, &p->at);
		start = clock_thread_cpu_ns();
		echo_batch(p, l, merged);
		took += clock_thread_cpu_ns() - start;
		drain_second(l->len);
	}
	return (double)took / BATCHES / PIPELINE_BATCH;
}

/* ---- the cathedral ---- */

struct cathedral {
	struct site *site;
	struct sockets sockets;
	struct stats stats;
	struct batch *batch;
	struct batch_sender *sender;
	struct pipeline *pipeline;
};

static void
cathedral_open(struct cathedral *c, const struct crowd_places *places)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;

	options.listener_count = 2;
	options.listeners[1].shrouded = true;
	options.mtu = 0; /* no padding */
	for (int l = 0; l < 2; l++) {
		listeners[l].main = socket_open(&listener_at[l], false);
		listeners[l].nat = -1;
		merge(listeners[l].main, 1);
	}
	c->sockets = (struct sockets){
		.workers = 1, .listener_count = 2, .pairs = listeners, .merge = true
	};
	c->site = site_create(&options, crowd_registry(FLOCKS, 2, &randomness), 1, &randomness);
	c->batch = batch_create();
	c->sender = batch_sender_create(&c->sockets, 0, &c->stats);
	if (c->site == NULL || c->batch == NULL || c->sender == NULL)
		give_up("cathedral");
	crowd_meet(c->site, FLOCKS, places, now.mono_ns);
	c->pipeline =
	    pipeline_create(c->site, 0, batch_sender_of(c->sender), &c->stats, &randomness);
}

/* A batch of data from as many flocks, or all from one. */
static void
load_make(struct load *l, struct cathedral *c, const struct crowd_places *places, size_t size)
{
	struct crowd_packet what = { .listener = l->listener, .len = size };

	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		what.flock = l->shape == SPREAD ? n * 3 % FLOCKS : 1;
		l->len = crowd_packet(l->bytes[n], &what, c->site, now, &randomness);
		l->to[n] = crowd_second_at(places, what.flock);
	}
}

static double
daemon_ns(struct cathedral *c, struct load *l)
{
	struct source source = { .fd = listeners[l->listener].main, .listener = l->listener };
	uint64_t took = 0;

	for (int n = 0; n < BATCHES; n++) {
		uint64_t start;
		size_t count = 0;

		send_load(l, &listener_at[l->listener]);
		start = clock_thread_cpu_ns();
		do {
			size_t part = batch_recv(c->batch, &source, &c->stats);

			pipeline_run(c->pipeline, batch_packets(c->batch), part, now);
			count += part;
		} while (batch_has_left(c->batch));
		took += clock_thread_cpu_ns() - start;
		expect_batch(count);
		drain_second(l->len);
	}
	return (double)took / BATCHES / PIPELINE_BATCH;
}

/* ---- figures ---- */

struct times {
	double daemon[ROUNDS], bare[ROUNDS], merging[ROUNDS];
};

/* Who receives from the bare echo gets each packet by itself, as its sender made it. */
static void
measure(struct cathedral *c, struct load *l, struct times *t, size_t round)
{
	merge(second.fd, l->shape == MERGED);
	t->daemon[round] = daemon_ns(c, l);
	t->merging[round] = echo_ns(&merging, l, l->shape != SPREAD);
	merge(second.fd, 0);
	t->bare[round] = echo_ns(&bare, l, false);
}

static void
report(const struct load *l, size_t size, struct times *t, size_t rounds)
{
	const char *kind = l->listener == 0 ? "clear" : "shrouded";
	double daemon = median(t->daemon, rounds), echoed = median(t->bare, rounds);
	double merged = median(t->merging, rounds);
	char name[96];
	struct figure f = { name, echoed, "ns/packet", 0, NULL, NULL };

	snprintf(name, sizeof(name), "bare echo, %s %zu B %s", kind, size, shapes[l->shape]);
	figure_print(&f);
	snprintf(name, sizeof(name), "... echo with the same means");
	f = (struct figure){ name, merged, "ns/packet", merged / echoed, "the bare echo", NULL };
	figure_print(&f);
	snprintf(name, sizeof(name), "... receive, relay, send");
	f = (struct figure){ name, daemon, "ns/packet", daemon / echoed, "the bare echo", NULL };
	figure_print(&f);
	f = (struct figure){ name, daemon - merged, "ns/packet", daemon / merged,
		"the echo with the same means", NULL };
	snprintf(name, sizeof(name), "... more than that with the same means");
	figure_print(&f);
}

int
main(void)
{
	static struct load loads[2][SHAPES][SIZES];
	static struct times times[2][SHAPES][SIZES];
	static struct cathedral c;
	size_t rounds = bench_is_short() ? 9 : ROUNDS;
	struct crowd_places places = { .apart = true };

	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&randomness, 1);
	port_open(&first, ROOM);
	port_open(&second, 65536);
	port_open(&bare, ROOM);
	port_open(&merging, 65536 + ROOM);
	merge(merging.fd, 1);
	places.first = first.at;
	places.second = second.at;
	cathedral_open(&c, &places);
	for (size_t n = 0; n < 2 * SHAPES * SIZES; n++) {
		struct load *l = &loads[0][0][0] + n;

		l->listener = n >= SHAPES * SIZES;
		l->shape = n / SIZES % SHAPES;
		load_make(l, &c, &places, sizes[n % SIZES]);
	}
	for (size_t round = 0; round < rounds; round++) {
		for (size_t n = 0; n < 2 * SHAPES * SIZES; n++)
			measure(&c, &loads[0][0][0] + n, &times[0][0][0] + n, round);
	}
	for (size_t n = 0; n < 2 * SHAPES * SIZES; n++)
		report(&loads[0][0][0] + n, sizes[n % SIZES], &times[0][0][0] + n, rounds);
	return EXIT_SUCCESS;
}
