/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/volley.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

/* What the kernel takes as one: so many packets, so many bytes. */
#define SEGMENTS_MAX      64
#define SEGMENT_BYTES_MAX 65000

/* Of what may be merged: fewer messages, so that what was received is still in the cache. */
#define MERGED_BATCH 16
#define MERGED_ROOM  65536
#define PACKETS_MAX  (MERGED_BATCH * MERGED_ROOM / PACKET_LEAST)
#define PACKET_LEAST 32 /* what is merged is longer: others may merge more than we do */

struct control {
	_Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

struct volley {
	bool merge;
	struct mmsghdr out[VOLLEY_BATCH], in[VOLLEY_BATCH];
	struct iovec vectors[VOLLEY_BATCH], onward[VOLLEY_BATCH];
	struct control controls[VOLLEY_BATCH], came[VOLLEY_BATCH];
	struct sockaddr_storage from[VOLLEY_BATCH];
	size_t batch, each;                /* messages at a time; room for one */
	size_t waiting;                    /* to be sent on */
	struct iovec packets[PACKETS_MAX]; /* those received, wherever they lie */
	uint8_t *room;
};

struct volley *
volley_create(bool merge)
{
	struct volley *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->merge = merge;
	v->batch = merge ? MERGED_BATCH : VOLLEY_BATCH;
	v->each = merge ? MERGED_ROOM : VOLLEY_ROOM;
	v->room = malloc(v->batch * v->each);
	if (v->room == NULL) {
		free(v);
		return NULL;
	}
	for (size_t n = 0; n < v->batch; n++) {
		v->vectors[n] = (struct iovec){ v->room + n * v->each, v->each };
		v->in[n].msg_hdr.msg_iov = &v->vectors[n];
		v->in[n].msg_hdr.msg_iovlen = 1;
	}
	return v;
}

void
volley_destroy(struct volley *v)
{
	if (v != NULL)
		free(v->room);
	free(v);
}

void
volley_let_merge(int fd)
{
	int on = 1;

	/* Where it cannot be, packets come one by one. */
	(void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
}

/* ---- sending ---- */

size_t
volley_run(size_t size)
{
	size_t fit = SEGMENT_BYTES_MAX / size;

	return fit < SEGMENTS_MAX ? fit : SEGMENTS_MAX;
}

/* How many of the packets, from the first on, can leave as one. */
static size_t
run_length(const struct volley *v, const struct iovec *packets, size_t count)
{
	size_t len = packets[0].iov_len, n = 1;

	if (!v->merge)
		return 1;
	while (n < count && n < volley_run(len) && packets[n].iov_len == len)
		n++;
	return n;
}

static void
set_segment(struct msghdr *m, struct control *c, uint16_t size)
{
	struct cmsghdr *head;

	m->msg_control = c->bytes;
	m->msg_controllen = CMSG_SPACE(sizeof(size));
	head = CMSG_FIRSTHDR(m);
	head->cmsg_level = IPPROTO_UDP;
	head->cmsg_type = UDP_SEGMENT;
	head->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(head), &size, sizeof(size));
}

static size_t
gather(struct volley *v, const struct iovec *packets, size_t count)
{
	size_t messages = 0;

	for (size_t done = 0; done < count;) {
		size_t n = run_length(v, packets + done, count - done);
		struct msghdr *m = &v->out[messages].msg_hdr;

		*m = (struct msghdr){ .msg_iovlen = n };
		memcpy(&v->onward[done], &packets[done], n * sizeof(packets[0]));
		m->msg_iov = &v->onward[done];
		if (n > 1)
			set_segment(m, &v->controls[messages], (uint16_t)packets[done].iov_len);
		messages++;
		done += n;
	}
	return messages;
}

static bool
full(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

/* What a kernel, or a way out, without segmentation says. */
static bool
cannot_segment(int error)
{
	return error == EINVAL || error == EIO || error == EOPNOTSUPP;
}

size_t
volley_send(struct volley *v, int fd, const struct iovec *packets, size_t count, uint64_t *refused)
{
	size_t messages = gather(v, packets, count), taken = 0;

	for (size_t done = 0; done < messages;) {
		int sent = sendmmsg(fd, v->out + done, (unsigned)(messages - done), MSG_DONTWAIT);

		if (sent > 0) {
			for (int n = 0; n < sent; n++)
				taken += v->out[done++].msg_hdr.msg_iovlen;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (full(errno))
			return taken;
		if (v->merge && cannot_segment(errno)) {
			v->merge = false;
			return taken + volley_send(v, fd, packets + taken, count - taken, refused);
		}
		*refused += v->out[done].msg_hdr.msg_iovlen;
		taken += v->out[done++].msg_hdr.msg_iovlen;
	}
	return taken;
}

/* ---- receiving ---- */

static size_t
receive(struct volley *v, int fd, int flags)
{
	int count;

	for (size_t n = 0; n < v->batch; n++) {
		v->vectors[n].iov_len = v->each;
		v->in[n].msg_hdr.msg_control = v->came[n].bytes;
		v->in[n].msg_hdr.msg_controllen = sizeof(v->came[n].bytes);
	}
	v->waiting = 0;
	count = recvmmsg(fd, v->in, (unsigned)v->batch, flags, NULL);
	return count > 0 ? (size_t)count : 0;
}

/* Of each packet in it but the last, which may be shorter; all of it when it is a single one. */
static size_t
segment_size(struct volley *v, size_t n)
{
	size_t len = v->in[n].msg_len;
	struct msghdr *m = &v->in[n].msg_hdr;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		int size;

		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		return size > 0 && (size_t)size < len ? (size_t)size : len;
	}
	return len;
}

/* Adds the packets of a message to those that there are. */
static size_t
take_apart(struct volley *v, size_t n, size_t count)
{
	size_t size = segment_size(v, n), left = v->in[n].msg_len;
	uint8_t *at = v->vectors[n].iov_base;

	do {
		size_t len = left < size ? left : size;

		if (count < PACKETS_MAX)
			v->packets[count++] = (struct iovec){ at, len };
		at += len;
		left -= len;
	} while (left > 0);
	return count;
}

size_t
volley_receive(struct volley *v, int fd)
{
	size_t messages = receive(v, fd, MSG_DONTWAIT), count = 0;

	for (size_t n = 0; n < messages; n++)
		count = take_apart(v, n, count);
	return count;
}

struct iovec
volley_packet(const struct volley *v, size_t n)
{
	return v->packets[n];
}

size_t
volley_await(struct volley *v, int fd)
{
	for (size_t n = 0; n < v->batch; n++) {
		v->in[n].msg_hdr.msg_name = &v->from[n];
		v->in[n].msg_hdr.msg_namelen = sizeof(v->from[n]);
	}
	return receive(v, fd, MSG_WAITFORONE);
}

struct iovec
volley_message(const struct volley *v, size_t n)
{
	return (struct iovec){ v->vectors[n].iov_base, v->in[n].msg_len };
}

const struct sockaddr_storage *
volley_source(const struct volley *v, size_t n)
{
	return &v->from[n];
}

/* ---- sending on ---- */

void
volley_forward(struct volley *v, size_t n, const struct sockaddr_storage *to, socklen_t len)
{
	struct msghdr *m = &v->out[v->waiting].msg_hdr;
	size_t size = segment_size(v, n);

	v->onward[v->waiting] = volley_message(v, n);
	*m = (struct msghdr){ .msg_iov = &v->onward[v->waiting], .msg_iovlen = 1 };
	/* The kernel reads it only; the struct is made for both directions. */
	memcpy(&m->msg_name, &to, sizeof(to));
	m->msg_namelen = len;
	if (size < v->in[n].msg_len)
		set_segment(m, &v->controls[v->waiting], (uint16_t)size);
	v->waiting++;
}

size_t
volley_flush(struct volley *v, int fd)
{
	size_t sent = 0;

	for (size_t done = 0; done < v->waiting;) {
		int n = sendmmsg(fd, v->out + done, (unsigned)(v->waiting - done), MSG_DONTWAIT);

		if (n == -1 && errno == EINTR)
			continue;
		/* As a cathedral does: what the kernel refuses is left out. */
		done += n > 0 ? (size_t)n : 1;
		sent += n > 0 ? (size_t)n : 0;
	}
	v->waiting = 0;
	return sent;
}
