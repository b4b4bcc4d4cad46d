/* SPDX-License-Identifier: ISC */
#include "cathedral/io/taker.h"

#include "base/clock.h"
#include "base/log.h"
#include "cathedral/io/channel.h"
#include "cathedral/io/handover_says.h"
#include "cathedral/relay/bequest.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define ROWS_MAX 64
#define DEAD_MS  2000 /* who closed the connection has so long to be gone */

struct taker {
	struct channel channel;
	int pidfd; /* the other process */
	char version[64];
	uint64_t watchdog_ms, taken_before;
	struct sockets_taken sockets;
	struct keepsake keepsakes[KEEPSAKES];
	bool kept[KEEPSAKES];
	uint64_t stopped_ns, serves_ns;
	int64_t serves_s;
	struct bequest_counts counts;
};

/* ---- what is offered ---- */

static bool
take_greeting(struct taker *t, struct cursor *c, struct fault *why)
{
	uint32_t pid = cursor_be32(c), rows = cursor_be32(c);

	t->watchdog_ms = cursor_be64(c);
	t->taken_before = cursor_be64(c);
	if (!cursor_ok(c) || rows == 0 || rows > ROWS_MAX || pid > INT32_MAX)
		return fault_set(why, "the other cathedral greets wrongly");
	handover_text(c, t->version, sizeof(t->version));
	t->sockets.rows = rows;
	t->pidfd = pidfd_open((pid_t)pid, 0);
	return t->pidfd != -1 ||
	       fault_set(why, "the other cathedral (process %" PRIu32 ") cannot be watched: %s",
		   pid, strerror(errno));
}

static bool
take_sockets(struct taker *t, struct cursor *c, struct fault *why)
{
	struct sockets_taken *s = &t->sockets;
	uint32_t row = cursor_be32(c);
	struct taken_socket *more;

	if (!cursor_done(c) || row >= s->rows || s->count > ROWS_MAX * 2 * LISTENERS_MAX)
		return fault_set(why, "the other cathedral has sockets of no worker");
	more = realloc(s->list, (s->count + CHANNEL_FDS) * sizeof(*more));
	if (more == NULL)
		return fault_set(why, "out of memory");
	s->list = more;
	for (size_t n = 0; n < t->channel.fd_count; n++)
		s->list[s->count++] =
		    (struct taken_socket){ .fd = channel_take_fd(&t->channel, n), .row = row };
	return true;
}

static bool
take_keepsake(struct taker *t, struct cursor *c, struct fault *why)
{
	uint8_t role = cursor_u8(c);
	struct keepsake *k;

	if (!cursor_ok(c) || role >= KEEPSAKES || t->channel.fd_count != 1 ||
	    c->left >= KEEPSAKE_NAME_MAX || t->keepsakes[role].fd != -1)
		return fault_set(why, "the other cathedral hands over something unknown");
	k = &t->keepsakes[role];
	k->fd = channel_take_fd(&t->channel, 0);
	handover_text(c, k->name, sizeof(k->name));
	return true;
}

/* Returns whether there is more to come; *ok is false with the reason. */
static bool
take_offer(struct taker *t, bool *ok, struct fault *why)
{
	enum channel_got got = channel_get(&t->channel, CHANNEL_WAIT_MS);
	struct cursor c;

	*ok =
	    got == CHANNEL_FRAME ? handover_is_fine(&t->channel, why) : handover_silence(got, why);
	if (!*ok)
		return false;
	c = cursor_over(t->channel.frame.body, t->channel.frame.len);
	switch (t->channel.frame.kind) {
	case HANDOVER_GREETING:
		*ok = t->pidfd == -1 && take_greeting(t, &c, why);
		return *ok;
	case HANDOVER_SOCKETS:
		*ok = take_sockets(t, &c, why);
		return *ok;
	case HANDOVER_KEEPSAKE:
		*ok = take_keepsake(t, &c, why);
		return *ok;
	case HANDOVER_OFFERED:
		*ok = t->sockets.count > 0 || fault_set(why, "the other cathedral has no sockets");
		return false;
	default:
		*ok = fault_set(why, "the other cathedral offers something unknown");
		return false;
	}
}

static bool
hear_offer(struct taker *t, struct fault *why)
{
	bool ok = true;

	while (take_offer(t, &ok, why))
		;
	return ok;
}

struct taker *
taker_knock(const char *path, const char *version, struct fault *why)
{
	struct taker *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		fault_set(why, "hand-over: out of memory");
		return NULL;
	}
	t->pidfd = -1;
	for (int role = 0; role < KEEPSAKES; role++)
		t->keepsakes[role].fd = -1;
	if (!channel_connect(&t->channel, path)) {
		fault_set(why, "no cathedral to take over from: %s: %s", path, strerror(errno));
	} else {
		/* What cannot be said shows itself, with its reason, when the answer is read. */
		handover_say(&t->channel, HANDOVER_HELLO, (const uint8_t *)version,
		    strnlen(version, 63), -1);
		if (hear_offer(t, why))
			return t;
		fault_prefix(why, "hand-over %s", path);
	}
	taker_destroy(t);
	return NULL;
}

void
taker_destroy(struct taker *t)
{
	if (t == NULL)
		return;
	sockets_taken_close(&t->sockets);
	for (int role = 0; role < KEEPSAKES; role++) {
		if (t->keepsakes[role].fd != -1)
			close(t->keepsakes[role].fd);
	}
	if (t->pidfd != -1)
		close(t->pidfd);
	channel_close(&t->channel);
	free(t);
}

struct sockets_taken *
taker_sockets(struct taker *t)
{
	return &t->sockets;
}

int
taker_keepsake(struct taker *t, enum keepsake_role role, const char *name)
{
	struct keepsake *k = &t->keepsakes[role];
	int fd = k->fd;

	if (fd == -1 || strcmp(k->name, name) != 0)
		return -1;
	k->fd = -1;
	t->kept[role] = true;
	return fd;
}

uint64_t
taker_watchdog_ms(const struct taker *t)
{
	return t->watchdog_ms;
}

/* ---- what it knows ---- */

static bool
is_dead(const struct taker *t)
{
	struct pollfd p = { .fd = t->pidfd, .events = POLLIN };

	return poll(&p, 1, DEAD_MS) == 1;
}

/* What cannot be said shows itself, with its reason, when the answer is read. */
static void
say_begin(struct taker *t)
{
	uint8_t kept[KEEPSAKES];

	for (int role = 0; role < KEEPSAKES; role++)
		kept[role] = t->kept[role];
	handover_say(&t->channel, HANDOVER_BEGIN, kept, sizeof(kept), -1);
}

/* One message of the giver's; false at the end, or with the reason and *got. */
static bool
take_frame(struct taker *t, struct heir *heir, enum channel_got *got, struct fault *why)
{
	const struct frame *f = &t->channel.frame;
	struct cursor c;

	*got = channel_get(&t->channel, CHANNEL_WAIT_MS);
	if (*got != CHANNEL_FRAME)
		return handover_silence(*got, why);
	if (f->kind < BEQUEST_KINDS) {
		if (heir_take(heir, f, clock_now(), why))
			return true;
		fault_prefix(why, "what the other cathedral knows");
	} else if (!handover_is_fine(&t->channel, why)) {
		;
	} else if (f->kind == HANDOVER_ALL) {
		c = cursor_over(f->body, f->len);
		t->stopped_ns = cursor_be64(&c);
	} else {
		fault_set(why, "the other cathedral said %u amid what it knows", f->kind);
	}
	return false;
}

/* Whether GO was heard.  *got tells how else it ended. */
static bool
take_all(struct taker *t, struct heir *heir, enum channel_got *got, struct fault *why)
{
	say_begin(t);
	while (take_frame(t, heir, got, why))
		;
	if (t->stopped_ns == 0)
		return false;
	handover_say(&t->channel, HANDOVER_READY, NULL, 0, -1);
	*got = channel_get(&t->channel, CHANNEL_WAIT_MS);
	if (*got != CHANNEL_FRAME)
		return handover_silence(*got, why);
	return handover_is_fine(&t->channel, why) &&
	       (t->channel.frame.kind == HANDOVER_GO ||
		   fault_set(why, "the other cathedral does not say that it has stopped"));
}

enum taker_result
taker_take(struct taker *t, struct site *site, struct fault *why)
{
	struct heir heir = heir_of(site, BEQUEST_PROCESS);
	enum channel_got got;
	bool go = take_all(t, &heir, &got, why);

	t->counts = heir.counts;
	if (heir.skipped > 0)
		log_warn("hand-over: %" PRIu64 " parts of what cathedral %s knew are not known to "
			 "this version",
		    heir.skipped, t->version);
	if (go)
		return TAKER_GO;
	if (got == CHANNEL_END && is_dead(t))
		return TAKER_ORPHAN;
	handover_refuse(&t->channel, why);
	return TAKER_NOT;
}

void
taker_serves(struct taker *t, uint64_t since_ns)
{
	t->serves_ns = since_ns;
	t->serves_s = clock_now().wall_s;
	handover_say(&t->channel, HANDOVER_SERVING, NULL, 0, -1);
}

void
taker_report(const struct taker *t, struct overview_succession *ret)
{
	ret->handovers = t->taken_before + 1;
	ret->taken_s = t->serves_s;
	/* Who died did not say when it stopped. */
	if (t->stopped_ns != 0 && t->serves_ns > t->stopped_ns)
		ret->gap_ns = t->serves_ns - t->stopped_ns;
}

const struct bequest_counts *
taker_counts(const struct taker *t)
{
	return &t->counts;
}
