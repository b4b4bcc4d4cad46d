/* SPDX-License-Identifier: ISC */
/*
 * The daemon's way of a packet, from socket to socket on loopback, against echoes that do nothing
 * between the two: the bare one with recvmmsg() and sendmmsg(), a message for each packet, and one
 * that has the daemon's means, packets of one flow in and out as one message; a shrouded packet
 * also against an echo and its two masks by themselves.  The same packets with few and with many
 * other tunnels and flocks known.  One thread does everything in turns, and only the cathedral's
 * part (or the echo's) is timed, in CPU time of this thread, what the kernel does for it included.
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

/* A turn: so many batches, and one before that fetches what others have driven out of caches. */
#define BATCHES 10
#define ROUNDS  61
#define SIZES   3
#define KINDS   2 /* clear and shrouded, as the listeners are */
#define ROOM    2048

static const size_t sizes[SIZES] = { 100, 512, 1280 };

/* So many flocks are known, of four tunnels each; at least those of a batch. */
static const size_t flocks[] = { PIPELINE_BATCH, 250, 25000, 250000 };

#define GROUNDS       (sizeof(flocks) / sizeof(flocks[0]))
#define GROUNDS_SHORT 2

/* How packets come and go. */
enum shape { SPREAD, FLOW, MERGED, SHAPES };

static const char *const shapes[SHAPES] = {
	"for 64 devices",
	"of one flow",
	"of one flow, merged",
};

/*
 * PIPELINE_BATCH packets as they come in, all of the same length, where they are to go, and the
 * masks that they have and get.
 */
struct load {
	enum shape shape;
	uint8_t listener;
	size_t len;
	struct endpoint to[PIPELINE_BATCH];
	const struct kmac_prefix *off[PIPELINE_BATCH], *on[PIPELINE_BATCH];
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

	for (int n = -1; n < BATCHES; n++) {
		uint64_t start;

		send_load(l, &p->at);
		start = clock_thread_cpu_ns();
		echo_batch(p, l, merged);
		if (n >= 0)
			took += clock_thread_cpu_ns() - start;
		drain_second(l->len);
	}
	return (double)took / BATCHES / PIPELINE_BATCH;
}

/* ---- the cathedral ---- */

/* One that knows so many flocks; all of them have the same sockets, and what is around them. */
struct cathedral {
	size_t flocks;
	struct site *site;
	struct pipeline *pipeline;
};

static struct sockets sockets;
static struct stats stats;
static struct batch *batch;
static struct batch_sender *sender;

static void
listen_open(void)
{
	for (int l = 0; l < KINDS; l++) {
		listeners[l].main = socket_open(&listener_at[l], false);
		listeners[l].nat = -1;
		merge(listeners[l].main, 1);
	}
	sockets = (struct sockets){
		.workers = 1, .listener_count = KINDS, .pairs = listeners, .merge = true
	};
	batch = batch_create();
	sender = batch_sender_create(&sockets, 0, &stats);
	if (batch == NULL || sender == NULL)
		give_up("cathedral");
}

static void
cathedral_open(struct cathedral *c, size_t count, const struct crowd_places *places)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;

	options.listener_count = KINDS;
	options.listeners[1].shrouded = true;
	options.mtu = 0; /* no padding */
	c->flocks = count;
	c->site = site_create(&options, crowd_registry(count, 2, &randomness), 1, &randomness);
	if (c->site == NULL)
		give_up("cathedral");
	crowd_meet(c->site, count, places, now.mono_ns);
	c->pipeline = pipeline_create(c->site, 0, batch_sender_of(sender), &stats, &randomness);
	if (c->pipeline == NULL)
		give_up("cathedral");
}

static const struct kmac_prefix *
mask_of(const struct cathedral *c, size_t flock, uint32_t device)
{
	struct flock_id id = crowd_flock(flock, 0);
	struct party party;

	if (!registry_party(
		publish_current(c->site->publish), id, id, (struct device_id){ device }, &party))
		give_up("a device");
	return &party.shroud->mask;
}

/* A batch of data from as many flocks, or all from one. */
static void
load_make(struct load *l, struct cathedral *c, const struct crowd_places *places, size_t size)
{
	struct crowd_packet what = { .listener = l->listener, .len = size };

	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		what.flock = l->shape == SPREAD ? n * c->flocks / PIPELINE_BATCH : c->flocks / 2;
		l->len = crowd_packet(l->bytes[n], &what, c->site, now, &randomness);
		l->to[n] = crowd_second_at(places, what.flock);
		l->off[n] = mask_of(c, what.flock, 1);
		l->on[n] = mask_of(c, what.flock, 2);
	}
}

/* Nanoseconds a packet for its two masks, one off and one on, the best way there is. */
static double
masks_ns(const struct load *l)
{
	static uint8_t bytes[PIPELINE_BATCH][ROOM];
	struct kmac_job off[PIPELINE_BATCH], on[PIPELINE_BATCH];
	uint64_t took = 0;

	for (int n = -1; n < BATCHES; n++) {
		uint64_t start;

		memcpy(bytes, l->bytes, sizeof(bytes));
		start = clock_thread_cpu_ns();
		for (size_t k = 0; k < PIPELINE_BATCH; k++) {
			uint8_t *body = bytes[k] + SHROUD_HEADER_SIZE;
			size_t len = l->len - SHROUD_HEADER_SIZE;

			off[k] = shroud_job(l->off[k], bytes[k], body, len);
			on[k] = shroud_job(l->on[k], bytes[k], body, len);
		}
		kmac_mask(off, PIPELINE_BATCH);
		kmac_mask(on, PIPELINE_BATCH);
		if (n >= 0)
			took += clock_thread_cpu_ns() - start;
	}
	return (double)took / BATCHES / PIPELINE_BATCH;
}

static double
daemon_ns(struct cathedral *c, struct load *l)
{
	struct source source = { .fd = listeners[l->listener].main, .listener = l->listener };
	uint64_t took = 0;

	for (int n = -1; n < BATCHES; n++) {
		uint64_t start;
		size_t count = 0;

		send_load(l, &listener_at[l->listener]);
		start = clock_thread_cpu_ns();
		do {
			size_t part = batch_recv(batch, &source, &stats);

			pipeline_run(c->pipeline, batch_packets(batch), part, now);
			count += part;
		} while (batch_has_left(batch));
		if (n >= 0)
			took += clock_thread_cpu_ns() - start;
		expect_batch(count);
		drain_second(l->len);
	}
	return (double)took / BATCHES / PIPELINE_BATCH;
}

/* ---- figures ---- */

/* What is measured of one load: by each cathedral, and beside that in the same rounds. */
struct times {
	double daemon[GROUNDS][ROUNDS], bare[ROUNDS], merging[ROUNDS], masks[ROUNDS];
};

static size_t grounds = GROUNDS, rounds = ROUNDS;
static struct cathedral cathedrals[GROUNDS];
static struct load loads[GROUNDS][KINDS][SHAPES][SIZES];

/* Who receives from the bare echo gets each packet by itself, as its sender made it. */
static void
measure(size_t kind, size_t shape, size_t size, struct times *t, size_t round)
{
	struct load *first_load = &loads[0][kind][shape][size];

	merge(second.fd, shape == MERGED);
	for (size_t n = 0; n < grounds; n++) {
		size_t g = (n + round) % grounds;

		t->daemon[g][round] = daemon_ns(&cathedrals[g], &loads[g][kind][shape][size]);
	}
	t->merging[round] = echo_ns(&merging, first_load, shape != SPREAD);
	merge(second.fd, 0);
	t->bare[round] = echo_ns(&bare, first_load, false);
	if (first_load->listener == 1)
		t->masks[round] = masks_ns(first_load);
}

static void
report_ratio(const char *name, double ns, double to, const char *what, const char *goal)
{
	const struct figure f = { name, ns, "ns/packet", ns / to, what, goal };

	figure_print(&f);
}

static void
report_growth(struct times *t, double few)
{
	for (size_t g = 1; g < grounds; g++) {
		char name[96];

		snprintf(name, sizeof(name), "... with %zu tunnels of %zu flocks known",
		    4 * flocks[g], flocks[g]);
		report_ratio(name, median(t->daemon[g], rounds), few, "with 256", "at most 1.10");
	}
}

static void
report(const struct load *l, size_t size, struct times *t)
{
	bool shrouded = l->listener == 1;
	double daemon = median(t->daemon[0], rounds), echoed = median(t->bare, rounds);
	double merged = median(t->merging, rounds), masks = shrouded ? median(t->masks, rounds) : 0;
	char name[96];
	struct figure f = { name, echoed, "ns/packet", 0, NULL, NULL };

	snprintf(name, sizeof(name), "bare echo, %s %zu B %s", shrouded ? "shrouded" : "clear",
	    size, shapes[l->shape]);
	figure_print(&f);
	report_ratio("... echo with the same means", merged, echoed, "the bare echo", NULL);
	report_ratio("... receive, relay, send", daemon, echoed, "the bare echo",
	    shrouded ? NULL : "at most 1.50");
	f = (struct figure){ "... more than that with the same means", daemon - merged, "ns/packet",
		daemon / merged, "the echo with the same means", NULL };
	figure_print(&f);
	if (shrouded) {
		f = (struct figure){ "... its two masks alone", masks, "ns/packet", 0, NULL, NULL };
		figure_print(&f);
		report_ratio("... receive, relay, send", daemon, echoed + masks,
		    "bare echo and masks", "at most 1.35");
		report_ratio("... receive, relay, send", daemon, merged + masks,
		    "same means and masks", NULL);
	}
	report_growth(t, daemon);
}

static void
loads_make(size_t ground, const struct crowd_places *places)
{
	for (size_t n = 0; n < KINDS * SHAPES * SIZES; n++) {
		struct load *l = &loads[ground][0][0][0] + n;

		l->listener = n >= SHAPES * SIZES;
		l->shape = n / SIZES % SHAPES;
		load_make(l, &cathedrals[ground], places, sizes[n % SIZES]);
	}
}

int
main(void)
{
	static struct times times[KINDS][SHAPES][SIZES];
	struct crowd_places places = { .apart = true };

	if (!aead_init())
		return EXIT_FAILURE;
	if (bench_is_short()) {
		rounds = 9;
		grounds = GROUNDS_SHORT;
	}
	random_from_seed(&randomness, 1);
	port_open(&first, ROOM);
	port_open(&second, 65536);
	port_open(&bare, ROOM);
	port_open(&merging, 65536 + ROOM);
	merge(merging.fd, 1);
	places.first = first.at;
	places.second = second.at;
	listen_open();
	for (size_t g = 0; g < grounds; g++) {
		cathedral_open(&cathedrals[g], flocks[g], &places);
		loads_make(g, &places);
	}
	for (size_t round = 0; round < rounds; round++) {
		for (size_t n = 0; n < KINDS * SHAPES * SIZES; n++)
			measure(n / SIZES / SHAPES, n / SIZES % SHAPES, n % SIZES,
			    &times[0][0][0] + n, round);
	}
	for (size_t n = 0; n < KINDS * SHAPES * SIZES; n++)
		report(&loads[0][0][0][0] + n, sizes[n % SIZES], &times[0][0][0] + n);
	return EXIT_SUCCESS;
}
