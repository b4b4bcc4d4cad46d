/* SPDX-License-Identifier: ISC */
/*
 * The daemon's way of a packet, from recvmmsg to sendmmsg, over sockets on loopback; against an
 * echo that does nothing between the two, with the same batch and sizes and the same sockets.  One
 * thread does everything in turns, and only the cathedral's part (or the echo's) is timed, in CPU
 * time of this thread, what the kernel does for it included.
 */
#include "cathedral/io/batch.h"
#include "protocol/crypto/aead.h"
#include "tests/support/crowd.h"
#include "tests/support/figure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCHES 10
#define ROUNDS  61
#define FLOCKS  250 /* a thousand tunnels */
#define SIZES   2
#define ROOM    2048

static const size_t sizes[SIZES] = { 100, 1300 };

/* A socket with what it takes to receive or send a batch. */
struct port {
	int fd;
	struct endpoint at;
	struct mmsghdr messages[PIPELINE_BATCH];
	struct iovec vectors[PIPELINE_BATCH];
	struct sockaddr_storage peer;
	socklen_t peer_len;
	uint8_t bytes[PIPELINE_BATCH][ROOM];
};

/* first sends, second receives; the cathedral has a listener of each kind. */
static struct port first, second, echo;
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

static int
socket_open(struct endpoint *at)
{
	struct endpoint any = endpoint_from_ipv4((uint8_t[]){ 127, 0, 0, 1 }, 0);
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&any, &address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), buffer = 4 << 20;

	if (fd == -1 || bind(fd, (struct sockaddr *)&address, len) == -1)
		give_up("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	len = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &len) == -1 ||
	    !endpoint_from_sockaddr(at, &address))
		give_up("getsockname");
	return fd;
}

static void
port_open(struct port *p)
{
	p->fd = socket_open(&p->at);
	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		p->vectors[n].iov_base = p->bytes[n];
		p->messages[n].msg_hdr.msg_iov = &p->vectors[n];
		p->messages[n].msg_hdr.msg_iovlen = 1;
	}
}

/* Sends bytes[0 .. PIPELINE_BATCH - 1], each of len. */
static void
port_send(struct port *p, const struct endpoint *to, size_t len)
{
	p->peer_len = endpoint_to_sockaddr(to, &p->peer);
	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		p->vectors[n].iov_len = len;
		p->messages[n].msg_hdr.msg_name = &p->peer;
		p->messages[n].msg_hdr.msg_namelen = p->peer_len;
	}
	if (sendmmsg(p->fd, p->messages, PIPELINE_BATCH, 0) != PIPELINE_BATCH)
		give_up("sendmmsg");
}

static int
port_receive(struct port *p)
{
	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		p->vectors[n].iov_len = ROOM;
		p->messages[n].msg_hdr.msg_name = NULL;
		p->messages[n].msg_hdr.msg_namelen = 0;
	}
	return recvmmsg(p->fd, p->messages, PIPELINE_BATCH, MSG_DONTWAIT, NULL);
}

static void
expect_batch(int count)
{
	if (count == PIPELINE_BATCH)
		return;
	fprintf(stderr, "%d packets of %d arrived\n", count, PIPELINE_BATCH);
	exit(EXIT_FAILURE);
}

/* ---- the echo ---- */

static double
echo_ns(size_t len)
{
	uint64_t took = 0;

	for (int n = 0; n < BATCHES; n++) {
		uint64_t start;

		port_send(&first, &echo.at, len);
		start = clock_thread_cpu_ns();
		expect_batch(port_receive(&echo));
		port_send(&echo, &second.at, len);
		took += clock_thread_cpu_ns() - start;
		expect_batch(port_receive(&second));
	}
	return (double)took / BATCHES / PIPELINE_BATCH;
}

/* ---- the cathedral ---- */

struct cathedral {
	struct site *site;
	struct stats stats;
	struct batch *batch;
	struct batch_sender *sender;
	struct pipeline *pipeline;
};

static void
cathedral_open(struct cathedral *c)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;
	struct crowd_places places = { first.at, second.at };

	options.listener_count = 2;
	options.listeners[1].shrouded = true;
	options.mtu = 0; /* no padding */
	for (int l = 0; l < 2; l++) {
		listeners[l].main = socket_open(&listener_at[l]);
		listeners[l].nat = -1;
	}
	c->site = site_create(&options, crowd_registry(FLOCKS, 2, &randomness), 1, &randomness);
	c->batch = batch_create();
	c->sender = batch_sender_create(listeners, 2, &c->stats);
	if (c->site == NULL || c->batch == NULL || c->sender == NULL)
		give_up("cathedral");
	crowd_meet(c->site, FLOCKS, &places, now.mono_ns);
	c->pipeline =
	    pipeline_create(c->site, 0, batch_sender_of(c->sender), &c->stats, &randomness);
}

/* A batch of data from as many flocks, on the bytes of the first port; their length. */
static size_t
make_batch(struct cathedral *c, uint8_t listener, size_t size)
{
	struct crowd_packet what = { .listener = listener, .len = size };
	size_t len = 0;

	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		what.flock = n * 3 % FLOCKS;
		len = crowd_packet(first.bytes[n], &what, c->site, now, &randomness);
	}
	return len;
}

static double
daemon_ns(struct cathedral *c, uint8_t listener, size_t len)
{
	uint64_t took = 0;

	for (int n = 0; n < BATCHES; n++) {
		uint64_t start;
		size_t count;

		port_send(&first, &listener_at[listener], len);
		start = clock_thread_cpu_ns();
		count = batch_recv(c->batch, listeners[listener].main, listener, false, &c->stats);
		pipeline_run(c->pipeline, batch_packets(c->batch), count, now);
		took += clock_thread_cpu_ns() - start;
		expect_batch((int)count);
		expect_batch(port_receive(&second));
	}
	return (double)took / BATCHES / PIPELINE_BATCH;
}

static void
report(const char *kind, size_t size, double daemon, double echoed)
{
	char name[96];
	struct figure f = { name, echoed, "ns/packet", 0, NULL, NULL };

	snprintf(name, sizeof(name), "echo of as many bytes, %zu B %s", size, kind);
	figure_print(&f);
	snprintf(name, sizeof(name), "receive, relay, send %zu B %s", size, kind);
	f = (struct figure){ name, daemon, "ns/packet", daemon / echoed, "the echo", NULL };
	figure_print(&f);
	snprintf(name, sizeof(name), "... of that relaying itself");
	f = (struct figure){ name, daemon - echoed, "ns/packet", (daemon - echoed) / echoed,
		"the echo", NULL };
	figure_print(&f);
	snprintf(name, sizeof(name), "... that is");
	f = (struct figure){ name, 1e6 / daemon, "k packets/s/core", 0, NULL, NULL };
	figure_print(&f);
}

int
main(void)
{
	static double daemon[2][SIZES][ROUNDS], echoed[2][SIZES][ROUNDS];
	static struct cathedral c;
	size_t rounds = bench_is_short() ? 9 : ROUNDS;

	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&randomness, 1);
	port_open(&first);
	port_open(&second);
	port_open(&echo);
	cathedral_open(&c);
	for (size_t round = 0; round < rounds; round++) {
		for (uint8_t listener = 0; listener < 2; listener++) {
			for (size_t size = 0; size < SIZES; size++) {
				size_t len = make_batch(&c, listener, sizes[size]);

				daemon[listener][size][round] = daemon_ns(&c, listener, len);
				echoed[listener][size][round] = echo_ns(len);
			}
		}
	}
	for (uint8_t listener = 0; listener < 2; listener++) {
		for (size_t size = 0; size < SIZES; size++)
			report(listener == 0 ? "clear" : "shrouded", sizes[size],
			    median(daemon[listener][size], rounds),
			    median(echoed[listener][size], rounds));
	}
	return EXIT_SUCCESS;
}
