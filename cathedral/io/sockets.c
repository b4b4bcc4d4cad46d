/* SPDX-License-Identifier: ISC */
#include "cathedral/io/sockets.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *
reason(int error)
{
	switch (error) {
	case EADDRNOTAVAIL:
		return "address not available: no interface of this host has it";
	case EADDRINUSE:
		return "address in use: another process, or a listener above, has it";
	default:
		return strerror(error);
	}
}

static bool
refuse(const struct endpoint *at, struct fault *why)
{
	int error = errno;
	char text[ENDPOINT_TEXT];

	return fault_set(why, "listen %s: %s", endpoint_format(at, text), reason(error));
}

static bool
set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* Closes fd, which may be none, and keeps errno for the one who reports. */
static int
give_up(int fd)
{
	int error = errno;

	if (fd != -1)
		close(fd);
	errno = error;
	return -1;
}

/*
 * Nothing comes in until open_gates().  The more sockets share an address, the fewer packets each
 * gets: what came before all of them were bound would wait in another one than what the same device
 * sends afterwards, and be overtaken.
 */
static bool
shut_gate(int fd)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = { .len = 1, .filter = &nothing };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

static int
open_at(const struct endpoint *at, bool shared)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(at, &address);
	bool v4 = endpoint_is_ipv4(at);
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1 || (shared && (!set(fd, SOL_SOCKET, SO_REUSEPORT, 1) || !shut_gate(fd))) ||
	    (!v4 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) ||
	    bind(fd, (const struct sockaddr *)&address, len) == -1)
		return give_up(fd);
	return fd;
}

/*
 * What is relayed has the size that the devices chose for the whole way.  Were the DF bit set, a
 * narrow link behind us would answer us, who can do nothing about it, instead of passing fragments
 * to the device.
 */
static bool
allow_fragments(int fd, const struct endpoint *at)
{
	if (endpoint_is_ipv4(at))
		return set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	return set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
}

/* Asks past the system's limit first, which takes CAP_NET_ADMIN. */
static int
grow_buffer(int fd, int force, int plain, int bytes)
{
	int granted = 0;
	socklen_t len = sizeof(granted);

	if (!set(fd, SOL_SOCKET, force, bytes))
		set(fd, SOL_SOCKET, plain, bytes);
	if (getsockopt(fd, SOL_SOCKET, plain, &granted, &len) == -1)
		return 0;
	return granted / 2; /* the kernel doubles it for its own bookkeeping */
}

static void
grow_buffers(struct sockets *s, int fd, int bytes)
{
	int rx = grow_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, bytes);
	int tx = grow_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, bytes);

	if (rx < s->buffer)
		s->buffer = rx;
	if (tx < s->buffer)
		s->buffer = tx;
}

/*
 * Asks for many packets as one message, and for a count of what is lost.  A kernel that does not
 * know UDP_SEGMENT would take a run for one long datagram, so it is asked before; 0 changes
 * nothing.  UDP_GRO is never taken back: merged messages may wait in the socket.
 */
static void
prepare(struct sockets *s, int fd)
{
	s->merge = s->merge && set(fd, SOL_UDP, UDP_SEGMENT, 0);
	if (s->merge)
		set(fd, SOL_UDP, UDP_GRO, 1);
	set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	if (s->busy_poll > 0 && !set(fd, SOL_SOCKET, SO_BUSY_POLL, s->busy_poll))
		s->busy_poll = 0;
}

static int
open_shared(struct sockets *s, const struct endpoint *at, int buffer, struct fault *why)
{
	int fd = open_at(at, true);

	if (fd == -1 || !allow_fragments(fd, at)) {
		refuse(at, why);
		return give_up(fd);
	}
	grow_buffers(s, fd, buffer);
	prepare(s, fd);
	return fd;
}

static bool
open_gate(int fd)
{
	/* Those that were taken over have none. */
	return fd == -1 || set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0) || errno == ENOENT;
}

/* All of them are bound: from here on each device's packets come to one. */
static bool
open_gates(const struct sockets *s, struct fault *why)
{
	bool ok = true;

	for (size_t i = 0; i < s->rows * s->listener_count; i++)
		ok = open_gate(s->pairs[i].main) && open_gate(s->pairs[i].nat) && ok;
	return ok || fault_set(why, "sockets: %s", strerror(errno));
}

static struct endpoint
nat_address(const struct listener *l)
{
	struct endpoint at = l->main;

	at.port = l->nat_port;
	return at;
}

/*
 * Sockets that share an address let anyone of the same user join in without a word, so a second
 * daemon started by mistake would take half of the packets.  Binding unshared first finds out.
 */
static bool
probe(const struct listener *listeners, size_t count, struct fault *why)
{
	int fds[2 * LISTENERS_MAX];
	size_t n = 0;
	bool ok = true;

	for (size_t i = 0; i < 2 * count && ok; i++) {
		struct endpoint at =
		    i % 2 == 0 ? listeners[i / 2].main : nat_address(&listeners[i / 2]);

		if (at.port == 0)
			continue;
		fds[n] = open_at(&at, false);
		if (fds[n] == -1)
			ok = refuse(&at, why);
		else
			n++;
	}
	while (n > 0)
		close(fds[--n]);
	return ok;
}

static bool
open_pair(struct sockets *s, struct socket_pair *pair, const struct listener *l, int buffer,
    struct fault *why)
{
	struct endpoint nat = nat_address(l);

	pair->main = open_shared(s, &l->main, buffer, why);
	if (pair->main == -1 || nat.port == 0)
		return pair->main != -1;
	pair->nat = open_shared(s, &nat, buffer, why);
	return pair->nat != -1;
}

bool
sockets_open(struct sockets *s, const struct listener *listeners, size_t count,
    const struct sockets_options *options, struct fault *why)
{
	size_t total = options->workers * count;

	memset(s, 0, sizeof(*s));
	if (!probe(listeners, count, why))
		return false;

	s->pairs = calloc(total, sizeof(*s->pairs));
	if (s->pairs == NULL)
		return fault_set(why, "out of memory");
	for (size_t i = 0; i < total; i++)
		s->pairs[i] = (struct socket_pair){ -1, -1 };
	s->workers = s->rows = options->workers;
	s->listener_count = count;
	s->buffer = options->buffer;
	s->merge = options->merge;
	s->busy_poll = options->busy_poll;
	for (size_t i = 0; i < total; i++) {
		if (!open_pair(s, &s->pairs[i], &listeners[i % count], options->buffer, why)) {
			sockets_close(s);
			return false;
		}
	}
	if (open_gates(s, why))
		return true;
	sockets_close(s);
	return false;
}

uint32_t
sockets_lost(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) == -1)
		return 0;
	return info[SK_MEMINFO_DROPS];
}

void
sockets_close(struct sockets *s)
{
	for (size_t i = 0; s->pairs != NULL && i < s->rows * s->listener_count; i++) {
		if (s->pairs[i].main != -1)
			close(s->pairs[i].main);
		if (s->pairs[i].nat != -1)
			close(s->pairs[i].nat);
	}
	free(s->pairs);
	memset(s, 0, sizeof(*s));
}

/* ---- from a cathedral that runs ---- */

/* Where a socket is bound; false for what is no UDP socket. */
static bool
bound_at(int fd, struct endpoint *ret)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address), type_len = sizeof(int);
	int type = 0;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_DGRAM &&
	       getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	       endpoint_from_sockaddr(ret, &address);
}

static int
buffer_of(int fd, int which)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	if (getsockopt(fd, SOL_SOCKET, which, &bytes, &len) == -1)
		return 0;
	return bytes / 2;
}

/* Never smaller than it is: packets may wait in it. */
static void
take_buffers(struct sockets *s, int fd, int wanted)
{
	int rx = buffer_of(fd, SO_RCVBUF), tx = buffer_of(fd, SO_SNDBUF);

	if (rx < wanted)
		rx = grow_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, wanted);
	if (tx < wanted)
		tx = grow_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, wanted);
	if (rx < s->buffer)
		s->buffer = rx;
	if (tx < s->buffer)
		s->buffer = tx;
}

/* The place for a socket that is bound there, or NULL: nobody wants it. */
static int *
place_for(
    struct sockets *s, const struct listener *listeners, unsigned row, const struct endpoint *at)
{
	for (size_t i = 0; i < s->listener_count; i++) {
		struct socket_pair *pair = &s->pairs[row * s->listener_count + i];
		struct endpoint nat = nat_address(&listeners[i]);

		if (pair->main == -1 && endpoint_equal(at, &listeners[i].main))
			return &pair->main;
		if (pair->nat == -1 && nat.port != 0 && endpoint_equal(at, &nat))
			return &pair->nat;
	}
	return NULL;
}

/* Opens one address for all rows that have none; where no row has one, nobody else may, either. */
static bool
open_missing(struct sockets *s, size_t listener, bool nat, const struct endpoint *at, int buffer,
    struct fault *why)
{
	unsigned missing = 0;

	for (unsigned row = 0; row < s->rows; row++) {
		const struct socket_pair *pair = &s->pairs[row * s->listener_count + listener];

		missing += (nat ? pair->nat : pair->main) == -1;
	}
	if (missing == s->rows) {
		int fd = open_at(at, false);

		if (fd == -1)
			return refuse(at, why);
		close(fd);
	}
	for (unsigned row = 0; missing > 0 && row < s->rows; row++) {
		struct socket_pair *pair = &s->pairs[row * s->listener_count + listener];
		int *place = nat ? &pair->nat : &pair->main;

		if (*place == -1)
			*place = open_shared(s, at, buffer, why);
		if (*place == -1)
			return false;
	}
	return true;
}

static bool
open_all_missing(struct sockets *s, const struct listener *listeners, int buffer, struct fault *why)
{
	for (size_t i = 0; i < s->listener_count; i++) {
		struct endpoint nat = nat_address(&listeners[i]);

		if (!open_missing(s, i, false, &listeners[i].main, buffer, why) ||
		    (nat.port != 0 && !open_missing(s, i, true, &nat, buffer, why)))
			return false;
	}
	return true;
}

bool
sockets_take(struct sockets *s, const struct listener *listeners, size_t count,
    struct sockets_taken *taken, const struct sockets_options *options, struct fault *why)
{
	size_t total = taken->rows * count;

	*s = (struct sockets){ .workers = taken->rows,
		.rows = taken->rows,
		.listener_count = count,
		.buffer = options->buffer,
		.merge = options->merge,
		.busy_poll = options->busy_poll };
	s->pairs = calloc(total, sizeof(*s->pairs));
	if (s->pairs == NULL)
		return fault_set(why, "out of memory");
	for (size_t i = 0; i < total; i++)
		s->pairs[i] = (struct socket_pair){ -1, -1 };
	for (size_t i = 0; i < taken->count; i++) {
		struct taken_socket *t = &taken->list[i];
		int *place = NULL;
		struct endpoint at;

		if (bound_at(t->fd, &at))
			place = place_for(s, listeners, t->row, &at);
		if (place == NULL)
			continue;
		take_buffers(s, t->fd, options->buffer);
		prepare(s, t->fd);
		*place = t->fd;
		t->fd = -1;
	}
	if (open_all_missing(s, listeners, options->buffer, why) && open_gates(s, why))
		return true;
	sockets_close(s);
	return false;
}

void
sockets_taken_close(struct sockets_taken *taken)
{
	for (size_t i = 0; i < taken->count; i++) {
		if (taken->list[i].fd != -1)
			close(taken->list[i].fd);
	}
	free(taken->list);
	*taken = (struct sockets_taken){ 0 };
}
