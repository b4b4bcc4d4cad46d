/* SPDX-License-Identifier: ISC */
/*
 * A router between two network namespaces: NAT and a bad line in user space, so that tests need
 * neither root nor kernel modules but tun.  See --help; drawn in the tests that use it.
 */
#include "base/clock.h"
#include "base/endpoint.h"
#include "base/hex.h"
#include "tests/support/forwarder_options.h"
#include "tests/support/line.h"
#include "tests/support/nat.h"
#include "tests/support/udp4.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NETNS         "/run/netns"
#define LINE_CAPACITY 4096
#define READ_AT_ONCE  64

/* What comes in at one side and goes out at the other. */
struct direction {
	const char *name;
	int from, to; /* tun devices */
	struct random random;
	struct line *line;
	uint64_t refused; /* no datagram, no mapping, no time to live */
};

struct forwarder {
	struct direction directions[2]; /* by the side where packets come in */
	struct nat *nat;
	int control;
};

static volatile sig_atomic_t ended;

static void
on_signal(int number)
{
	(void)number;
	ended = 1;
}

static void
die(const char *what)
{
	fprintf(stderr, "test-forwarder: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* Opens the tun device "namespace:name"; this process stays in that namespace. */
static int
tun_open(const char *where)
{
	const char *colon = strchr(where, ':');
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	char path[256];
	int fd, ns;

	if (colon == NULL || strlen(colon + 1) >= sizeof(request.ifr_name))
		forwarder_refuse(where, "should be NAMESPACE:TUN");
	snprintf(path, sizeof(path), NETNS "/%.*s", (int)(colon - where), where);
	memcpy(request.ifr_name, colon + 1, strlen(colon + 1));

	if ((ns = open(path, O_RDONLY | O_CLOEXEC)) == -1 || setns(ns, CLONE_NEWNET) == -1)
		die(path);
	close(ns);
	if ((fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) == -1)
		die("/dev/net/tun");
	if (ioctl(fd, TUNSETIFF, &request) == -1)
		die(where);
	return fd;
}

/* "0.05" to parts in a million. */
static bool
parts_read(uint32_t *ret, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= 0 && value <= 1))
		return false;
	*ret = (uint32_t)(value * 1e6 + 0.5);
	return true;
}

static bool
milliseconds_read(uint32_t *ret, const char *text)
{
	uint64_t value;

	if (!decimal_u64(&value, text, 60000))
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* Sets one fault of one line by its name. */
static bool
fault_change(struct line_faults *f, const char *name, const char *value)
{
	if (strcmp(name, "loss") == 0)
		return parts_read(&f->loss, value);
	if (strcmp(name, "duplicate") == 0)
		return parts_read(&f->duplicate, value);
	if (strcmp(name, "delay-ms") == 0)
		return milliseconds_read(&f->delay_ms, value);
	if (strcmp(name, "jitter-ms") == 0)
		return milliseconds_read(&f->jitter_ms, value);
	return false;
}

/* The same for the directions that the value names: "5" both, "out:5", "in:5" one. */
static bool
faults_change(struct forwarder *f, const char *name, const char *value)
{
	bool outward = strncmp(value, "in:", 3) != 0, inward = strncmp(value, "out:", 4) != 0;
	const char *number = outward && inward ? value : strchr(value, ':') + 1;

	if (outward && !fault_change(line_faults(f->directions[INSIDE].line), name, number))
		return false;
	return !inward || fault_change(line_faults(f->directions[OUTSIDE].line), name, number);
}

static void
report(const struct forwarder *f)
{
	for (size_t i = 0; i < 2; i++) {
		const struct direction *d = &f->directions[i];
		const struct line_counts *c = line_counts(d->line);

		printf("%s in=%llu refused=%llu lost=%llu duplicated=%llu full=%llu out=%llu\n",
		    d->name, (unsigned long long)c->in, (unsigned long long)d->refused,
		    (unsigned long long)c->lost, (unsigned long long)c->duplicated,
		    (unsigned long long)c->full, (unsigned long long)c->out);
	}
}

static void
set_down(struct forwarder *f, bool down)
{
	line_faults(f->directions[INSIDE].line)->down = down;
	line_faults(f->directions[OUTSIDE].line)->down = down;
}

/* One line from the control pipe.  It is printed once it holds, for tests that wait for that. */
static void
command_run(struct forwarder *f, char *command)
{
	char *rest = NULL, *word = strtok_r(command, " ", &rest),
	     *value = strtok_r(NULL, " ", &rest);

	if (word == NULL)
		return;
	if (strcmp(word, "rebind") == 0) {
		nat_rebind(f->nat);
	} else if (strcmp(word, "down") == 0 || strcmp(word, "up") == 0) {
		set_down(f, word[0] == 'd');
	} else if (strcmp(word, "report") == 0) {
		report(f);
	} else if (value == NULL || !faults_change(f, word, value)) {
		printf("refused %s\n", word);
		return;
	}
	printf("done %s%s%s\n", word, value != NULL ? " " : "", value != NULL ? value : "");
}

static void
control_read(struct forwarder *f)
{
	char text[512], *rest = NULL;
	ssize_t n = read(f->control, text, sizeof(text) - 1);

	if (n <= 0)
		return;
	text[n] = '\0'; /* a write of this size arrives whole */
	for (char *l = strtok_r(text, "\n", &rest); l != NULL; l = strtok_r(NULL, "\n", &rest))
		command_run(f, l);
}

static bool
readdress(struct forwarder *f, enum side from, uint8_t *packet, size_t len)
{
	struct udp4 p;

	if (!udp4_read(&p, packet, len) || p.ttl <= 1)
		return false;
	p.ttl--;
	if (from == INSIDE)
		nat_outward(f->nat, &p);
	else if (!nat_inward(f->nat, &p))
		return false;
	udp4_write(packet, len, &p);
	return true;
}

static void
packets_read(struct forwarder *f, enum side from, uint64_t now_ns)
{
	struct direction *d = &f->directions[from];
	uint8_t packet[LINE_PACKET_MAX];

	for (int i = 0; i < READ_AT_ONCE; i++) {
		ssize_t n = read(d->from, packet, sizeof(packet));

		if (n <= 0)
			return;
		if (readdress(f, from, packet, (size_t)n))
			line_put(d->line, packet, (size_t)n, now_ns);
		else
			d->refused++;
	}
}

static void
packets_write(struct direction *d, uint64_t now_ns)
{
	uint8_t packet[LINE_PACKET_MAX];
	size_t len;

	while ((len = line_take(d->line, now_ns, packet)) > 0) {
		/* The far end's device may be down: then the packet is lost, as on any line. */
		if (write(d->to, packet, len) == -1 && errno != EIO && errno != EAGAIN)
			die("write");
	}
}

static void
run(struct forwarder *f, const sigset_t *while_waiting)
{
	struct pollfd polls[] = {
		{ .fd = f->directions[INSIDE].from, .events = POLLIN },
		{ .fd = f->directions[OUTSIDE].from, .events = POLLIN },
		{ .fd = f->control, .events = POLLIN },
	};

	while (!ended) {
		uint64_t now = clock_now().mono_ns, next = line_next_ns(f->directions[0].line);
		struct timespec wait;

		if (line_next_ns(f->directions[1].line) < next)
			next = line_next_ns(f->directions[1].line);
		next = next > now ? next - now : 0;
		if (next > NS_PER_S)
			next = NS_PER_S;
		wait = (struct timespec){ .tv_sec = (time_t)(next / NS_PER_S),
			.tv_nsec = (long)(next % NS_PER_S) };
		if (ppoll(polls, 3, &wait, while_waiting) == -1 && errno != EINTR)
			die("poll");

		control_read(f);
		now = clock_now().mono_ns;
		for (size_t i = 0; i < 2; i++)
			packets_read(f, (enum side)i, now);
		now = clock_now().mono_ns;
		for (size_t i = 0; i < 2; i++)
			packets_write(&f->directions[i], now);
	}
}

static void
forwarder_open(struct forwarder *f, const struct forwarder_options *o)
{
	static const char *const names[] = { "outward", "inward" };
	uint8_t ip[4];

	endpoint_ipv4(&o->public, ip);
	f->nat = nat_create(o->nat,
	    (uint32_t)ip[0] << 24 | (uint32_t)ip[1] << 16 | (uint32_t)ip[2] << 8 | ip[3],
	    (uint16_t)o->first_port);
	if (f->nat == NULL)
		die("nat");
	for (size_t i = 0; i < 2; i++) {
		struct direction *d = &f->directions[i];

		d->name = names[i];
		random_from_seed(&d->random, o->seed * 2 + i);
		if ((d->line = line_create(LINE_CAPACITY, &d->random)) == NULL)
			die("line");
	}
	for (size_t i = 0; i < o->fault_count; i++) {
		if (!faults_change(f, o->faults[i].name, o->faults[i].value))
			forwarder_refuse(o->faults[i].name, o->faults[i].value);
	}

	/* For reading and writing, so that it does not end with its first writer. */
	f->control = o->control != NULL ? open(o->control, O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1;
	if (o->control != NULL && f->control == -1)
		die(o->control);
	for (size_t i = 0; i < 2; i++)
		f->directions[i].from = tun_open(o->tuns[i]);
	for (size_t i = 0; i < 2; i++)
		f->directions[i].to = f->directions[1 - i].from;
}

int
main(int argc, char **argv)
{
	struct sigaction end = { .sa_handler = on_signal };
	struct forwarder f = { 0 };
	struct forwarder_options o;
	sigset_t blocked, before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	forwarder_options_read(&o, argc, argv);
	forwarder_open(&f, &o);

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);

	printf("ready seed=%llu\n", (unsigned long long)o.seed);
	run(&f, &before);
	report(&f);

	for (size_t i = 0; i < 2; i++)
		line_destroy(f.directions[i].line);
	nat_destroy(f.nat);
	return EXIT_SUCCESS;
}
