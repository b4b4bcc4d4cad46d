/* SPDX-License-Identifier: ISC */
#include "cathedral/io/giver.h"

#include "base/clock.h"
#include "base/log.h"
#include "cathedral/io/channel.h"
#include "cathedral/io/handover_says.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO_MS  1000 /* the main thread has other work, too */
#define PREPARE_S 600  /* for reading a large registry */
#define READY_MS  2000 /* nobody serves meanwhile */
#define ROUNDS    3    /* while the workers serve; each is about what changed in the one before */
#define FEW       1000 /* so little may change that one more would be no use */

struct giver {
	struct giver_options options;
	struct event_base *base;
	struct event *door, *talk;
	struct channel channel; /* with the taker; fd -1: there is none */
	bool kept[KEEPSAKES];
};

static void
talk_end(struct giver *g)
{
	if (g->talk != NULL)
		event_free(g->talk);
	g->talk = NULL;
	channel_close(&g->channel);
}

/* It goes on as before. */
static void
give_up(struct giver *g, const struct fault *why)
{
	log_warn("hand-over given up: %s", why->text);
	g->options.state->failed++;
	handover_refuse(&g->channel, why);
	talk_end(g);
}

/* ---- letting it in ---- */

/* Who may be told everything: the same user, or root. */
static bool
is_one_of_us(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	       (who.uid == 0 || who.uid == geteuid());
}

static bool
send_greeting(struct giver *g)
{
	const struct giver_options *o = &g->options;
	uint8_t body[64 + 64];
	struct writer w = writer_over(body, sizeof(body));
	size_t len = strlen(o->version);

	writer_be32(&w, (uint32_t)getpid());
	writer_be32(&w, o->sockets->rows);
	writer_be64(&w, o->watchdog_ms);
	writer_be64(&w, o->state->handovers);
	writer_put(&w, o->version, len < 64 ? len : 64);
	return handover_say(&g->channel, HANDOVER_GREETING, body, sizeof(body) - w.left, -1);
}

/* The sockets of one row, in as many messages as they take. */
static bool
send_row(struct giver *g, unsigned row)
{
	const struct sockets *s = g->options.sockets;
	const struct socket_pair *pairs = sockets_of(s, row);
	uint8_t body[4];
	struct writer w = writer_over(body, sizeof(body));
	int fds[CHANNEL_FDS];
	size_t count = 0;

	_Static_assert(2 * LISTENERS_MAX <= CHANNEL_FDS, "a row is one message");
	for (size_t i = 0; i < s->listener_count; i++) {
		if (pairs[i].main != -1)
			fds[count++] = pairs[i].main;
		if (pairs[i].nat != -1)
			fds[count++] = pairs[i].nat;
	}
	writer_be32(&w, row);
	return handover_say_with(&g->channel, HANDOVER_SOCKETS, body, sizeof(body), fds, count);
}

static bool
send_keepsakes(struct giver *g)
{
	for (int role = 0; role < KEEPSAKES; role++) {
		const struct keepsake *k = g->options.keepsakes[role];
		uint8_t body[1 + KEEPSAKE_NAME_MAX];
		size_t len;

		if (k == NULL || k->fd == -1)
			continue;
		len = strlen(k->name);
		body[0] = (uint8_t)role;
		memcpy(body + 1, k->name, len);
		if (!handover_say(&g->channel, HANDOVER_KEEPSAKE, body, 1 + len, k->fd))
			return false;
	}
	return true;
}

static bool
hear_hello(struct giver *g, struct fault *why)
{
	char version[64];
	struct cursor c;

	if (!handover_hear(&g->channel, HANDOVER_HELLO, HELLO_MS, why))
		return false;
	c = cursor_over(g->channel.frame.body, g->channel.frame.len);
	handover_text(&c, version, sizeof(version));
	log_info("cathedral %s wants to take over", version);
	return true;
}

static bool
offer_sockets(struct giver *g, struct fault *why)
{
	bool ok = send_greeting(g);

	for (unsigned row = 0; ok && row < g->options.sockets->rows; row++)
		ok = send_row(g, row);
	ok = ok && send_keepsakes(g) && handover_say(&g->channel, HANDOVER_OFFERED, NULL, 0, -1);
	return ok || fault_set(why, "the other cathedral does not listen: %s", strerror(errno));
}

/* ---- giving ---- */

static bool
put_frame(void *arg, const uint8_t *frame, size_t len)
{
	return channel_put(arg, frame, len);
}

/* What could not be told: the other side may have said why before it went. */
static bool
lost(struct giver *g, struct fault *why)
{
	int error = errno;

	if (channel_get(&g->channel, 0) == CHANNEL_FRAME && !handover_is_fine(&g->channel, why))
		return false;
	errno = error;
	return fault_set(why, "the other cathedral does not listen any more: %s", strerror(errno));
}

/* While everybody serves. */
static bool
write_most(struct giver *g, struct bequest *b, struct bequest_counts *counts, struct fault *why)
{
	uint64_t before = 0;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t now;

		if (!bequest_write(b, clock_now(), counts))
			return lost(g, why);
		now = counts->tunnels + counts->liturgies + counts->replays;
		if (round > 0 && now - before < FEW)
			return true;
		before = now;
	}
	return true;
}

/* It may serve by now: only its own word, or its end, says that it does not. */
static bool
hear_serving(struct giver *g, struct fault *why)
{
	enum channel_got got;

	do {
		got = channel_get(&g->channel, -1);
		if (got == CHANNEL_FRAME && g->channel.frame.kind == HANDOVER_SERVING)
			return true;
	} while (got != CHANNEL_END &&
		 (got != CHANNEL_FRAME || g->channel.frame.kind != HANDOVER_REFUSED));
	return got == CHANNEL_END ? handover_silence(got, why) : handover_is_fine(&g->channel, why);
}

/* While nobody does: short, and whatever goes wrong, they go on. */
static bool
write_rest(struct giver *g, struct bequest *b, struct bequest_counts *counts, struct fault *why)
{
	uint8_t stopped[8];
	struct writer w = writer_over(stopped, sizeof(stopped));

	writer_be64(&w, g->options.pause(g->options.arg));
	if (!bequest_write(b, clock_now(), counts) ||
	    !handover_say(&g->channel, HANDOVER_ALL, stopped, sizeof(stopped), -1))
		return lost(g, why);
	if (!handover_hear(&g->channel, HANDOVER_READY, READY_MS, why))
		return false;
	if (!handover_say(&g->channel, HANDOVER_GO, NULL, 0, -1))
		return lost(g, why);
	return hear_serving(g, why);
}

static bool
give(struct giver *g, struct fault *why)
{
	struct bequest_counts counts = { 0 };
	const struct bequest_sink sink = { put_frame, &g->channel };
	struct bequest *b = bequest_create(g->options.site, &sink, BEQUEST_PROCESS);
	bool ok;

	if (b == NULL)
		return fault_set(why, "out of memory");
	ok = write_most(g, b, &counts, why);
	if (ok) {
		ok = write_rest(g, b, &counts, why);
		if (!ok)
			g->options.resume(g->options.arg);
	}
	bequest_destroy(b);
	return ok;
}

static bool
hear_begin(struct giver *g, struct fault *why)
{
	struct cursor c;

	if (!handover_hear(&g->channel, HANDOVER_BEGIN, 0, why))
		return false;
	c = cursor_over(g->channel.frame.body, g->channel.frame.len);
	for (int role = 0; role < KEEPSAKES; role++)
		g->kept[role] = cursor_u8(&c) != 0;
	return cursor_done(&c) || fault_set(why, "the other cathedral begins wrongly");
}

static void
talk_on(evutil_socket_t fd, short what, void *arg)
{
	struct giver *g = arg;
	struct fault why;

	(void)fd;
	if ((what & EV_TIMEOUT) != 0) {
		fault_set(&why, "the other cathedral was not ready in %d seconds", PREPARE_S);
		give_up(g, &why);
		return;
	}
	if (!hear_begin(g, &why) || !give(g, &why)) {
		give_up(g, &why);
		return;
	}
	talk_end(g);
	g->options.given(g->options.arg, g->kept);
}

static bool
let_in(struct giver *g, struct fault *why)
{
	const struct timeval patience = { .tv_sec = PREPARE_S };

	if (!is_one_of_us(g->channel.fd))
		return fault_set(why, "only the same user, or root, may take over");
	if (!hear_hello(g, why) || !offer_sockets(g, why))
		return false;
	g->talk = event_new(g->base, g->channel.fd, EV_READ, talk_on, g);
	if (g->talk == NULL || event_add(g->talk, &patience) == -1)
		return fault_set(why, "out of memory");
	return true;
}

/* One at a time. */
static void
knock(evutil_socket_t door, short what, void *arg)
{
	struct giver *g = arg;
	int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
	struct fault why;

	(void)what;
	if (fd == -1)
		return;
	if (g->talk != NULL) {
		handover_turn_away(fd, "another cathedral is taking over already");
		return;
	}
	channel_open(&g->channel, fd);
	if (!let_in(g, &why))
		give_up(g, &why);
}

struct giver *
giver_create(struct event_base *base, const struct giver_options *options)
{
	struct giver *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->options = *options;
	g->base = base;
	channel_open(&g->channel, -1);
	g->door =
	    event_new(base, options->keepsakes[KEEPSAKE_DOOR]->fd, EV_READ | EV_PERSIST, knock, g);
	if (g->door != NULL && event_add(g->door, NULL) == 0)
		return g;
	giver_destroy(g);
	return NULL;
}

void
giver_destroy(struct giver *g)
{
	if (g == NULL)
		return;
	talk_end(g);
	if (g->door != NULL)
		event_free(g->door);
	free(g);
}
