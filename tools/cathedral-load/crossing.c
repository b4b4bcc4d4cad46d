/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/crossing.h"

#include "tools/cathedral-load/lanes.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PARTS 1000000

static bool
open_side(struct crossing *c, int side)
{
	const struct endpoint any = endpoint_from_ipv4((const uint8_t[]){ 127, 0, 0, 1 }, 0);
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = (uint32_t)side };
	struct sockaddr_storage at;
	socklen_t len = endpoint_to_sockaddr(&any, &at);

	c->fd[side] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd[side] == -1 || bind(c->fd[side], (struct sockaddr *)&at, len) == -1)
		return false;
	lanes_grow(c->fd[side]);
	return getsockname(c->fd[side], (struct sockaddr *)&at, &len) == 0 &&
	       endpoint_from_sockaddr(&c->at[side], &at) &&
	       epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->fd[side], &e) == 0;
}

bool
crossing_open(struct crossing *c, double loss, struct random *random, struct fault *why)
{
	*c = (struct crossing){ .fd = { -1, -1 }, .epoll = -1, .loss = loss };
	random_split(&c->random, random);
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->volley = volley_create(false);
	if (c->epoll != -1 && c->volley != NULL && open_side(c, 0) && open_side(c, 1))
		return true;
	fault_set(why, "the way between two cathedrals: %s", strerror(errno));
	crossing_close(c);
	return false;
}

void
crossing_close(struct crossing *c)
{
	for (int side = 0; side < 2; side++) {
		if (c->fd[side] != -1)
			close(c->fd[side]);
		c->fd[side] = -1;
	}
	if (c->epoll != -1)
		close(c->epoll);
	c->epoll = -1;
	volley_destroy(c->volley);
	c->volley = NULL;
}

bool
crossing_join(struct crossing *c, const struct endpoint ends[static 2], struct fault *why)
{
	for (int side = 0; side < 2; side++) {
		struct sockaddr_storage to;
		socklen_t len = endpoint_to_sockaddr(&ends[side], &to);

		if (connect(c->fd[side], (struct sockaddr *)&to, len) == -1)
			return fault_set(
			    why, "the way between two cathedrals: %s", strerror(errno));
	}
	return true;
}

/* From one side to the other, in their order. */
static void
pass(struct crossing *c, int side)
{
	size_t count;

	while ((count = volley_receive(c->volley, c->fd[side])) > 0) {
		struct iovec kept[VOLLEY_BATCH];
		uint64_t refused = 0;
		size_t keep = 0, sent;

		for (size_t n = 0; n < count; n++) {
			if (random_below(&c->random, PARTS) >= (uint32_t)(c->loss * PARTS))
				kept[keep++] = volley_packet(c->volley, n);
		}
		sent = volley_send(c->volley, c->fd[1 - side], kept, keep, &refused);
		c->dropped += count - keep;
		c->passed += sent - refused;
		c->refused += keep - sent + refused;
		if (count < VOLLEY_BATCH)
			return;
	}
}

uint64_t
crossing_turn(void *crossing, uint64_t now_ns)
{
	(void)now_ns;
	pass(crossing, 0);
	pass(crossing, 1);
	return UINT64_MAX;
}
