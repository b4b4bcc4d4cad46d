/* SPDX-License-Identifier: ISC */
#include "tests/support/heritage.h"

#include "cathedral/state/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct flock_id flock = { 0xcafeba00 };
static const struct device_id device = { 0x0badf00d }, second = { 0xfe };

#define TUNNELS_OF_ONE (256 * 255) /* in all domains, to all numbers */

static struct endpoint
somewhere(struct random *r)
{
	uint8_t ip[4] = { 198, 51, 0, 0 };

	random_bytes(r, ip + 2, 2);
	return endpoint_from_ipv4(ip, (uint16_t)(1 + random_below(r, 65535)));
}

void
heritage_listen(struct site *site, size_t count)
{
	for (size_t n = 0; n < count; n++) {
		struct listener *l = &site->options.listeners[n];

		l->main =
		    endpoint_from_ipv4((const uint8_t[]){ 192, 0, 2, 9 }, (uint16_t)(4500 + n));
		l->shrouded = n % 2 == 1;
	}
	site->options.listener_count = count;
}

/* ---- filling ---- */

struct change {
	struct small_site *s;
	uint64_t now_ns;
};

static void
change_tunnel(struct tunnel *t, bool created, void *arg)
{
	const struct change *c = arg;
	struct random *r = &c->s->random;

	(void)created;
	t->at = somewhere(r);
	t->p2p = somewhere(r);
	t->seen_ns = t->remembered_ns = c->now_ns;
	t->said_s = (uint64_t)clock_now().wall_s;
	t->rhythm = (struct rhythm){ c->now_ns + 1, c->now_ns + 2, c->now_ns + 3, 4, 5 };
	t->p2p_news = random_below(r, 2) == 1;
	t->cooldown_ns = c->now_ns + random_below(r, 1000);
	t->instance = random_u64(r);
	t->credit = random_below(r, UINT32_MAX);
	t->generation = random_below(r, UINT32_MAX);
	t->rx_active = random_below(r, UINT32_MAX);
	t->rx_learned = random_below(r, UINT32_MAX);
	t->listener = (uint8_t)random_below(r, (uint32_t)c->s->site->options.listener_count);
	t->federated = random_below(r, 2) == 1;
	t->proven = random_below(r, 2) == 1;
	t->p2p_usable = random_below(r, 2) == 1;
	t->bucket_set = random_below(r, 2) == 1;
}

static void
hear_tunnel(struct small_site *s, unsigned n)
{
	bool first = n < TUNNELS_OF_ONE;
	struct flock_id own = flock_with_domain(flock, (uint8_t)(n % TUNNELS_OF_ONE / 255));
	struct tunnel_key key =
	    tunnel_key(own, own, tunnel_between(first ? 0xca : 0xfe, (uint8_t)(1 + n % 255)));
	struct change c = { s, clock_now().mono_ns };

	assert_int_equal(tunnels_change(s->site->tunnels, &key, first ? device : second, true,
			     c.now_ns, change_tunnel, &c),
	    TUNNELS_OK);
}

static void
hear_liturgy(struct small_site *s, uint8_t domain)
{
	struct liturgy liturgy = { .id = 0xca, .group = (uint16_t)random_below(&s->random, 65536) };
	const struct liturgy_heard heard = {
		.flock = flock_with_domain(flock, domain),
		.device = device,
		.liturgy = &liturgy,
		.from = somewhere(&s->random),
		.now_ns = clock_now().mono_ns,
	};
	struct liturgy_outcome outcome;

	random_bytes(&s->random, liturgy.peers, sizeof(liturgy.peers));
	liturgy.flags = random_below(&s->random, 2) ? LITURGY_SIGNALLING : 0;
	assert_true(liturgies_hear(s->site->liturgies, &heard, &outcome));
}

static void
hear_identity(struct small_site *s)
{
	struct identity who = { flock, flock, device, 0 };
	struct endpoint from = somewhere(&s->random);
	uint64_t now_ns = clock_now().mono_ns;
	uint8_t id[16];

	random_bytes(&s->random, id, sizeof(id));
	identities_prove(s->site->identities, id, &who, &from, now_ns);
	random_bytes(&s->random, id, sizeof(id));
	identities_suggest(s->site->identities, id, &who, now_ns);
}

static void
accept_offer(struct small_site *s)
{
	struct offer_header header = { .flock_src = flock, .flock_dst = flock };
	struct replay_mark mark;

	random_bytes(&s->random, header.seed, sizeof(header.seed));
	mark = replay_mark(s->site->replay, &header);
	assert_int_equal(replay_admit(s->site->replay, &mark, clock_now().mono_ns), REPLAY_NEW);
}

void
heritage_fill(struct small_site *s, unsigned tunnels)
{
	for (unsigned n = 0; n < tunnels; n++)
		hear_tunnel(s, n);
	for (unsigned n = 0; n < tunnels / 10 && n < 200; n++) {
		if (n < LITURGIES_PER_DEVICE / 2)
			hear_liturgy(s, (uint8_t)n);
		hear_identity(s);
		accept_offer(s);
	}
}

void
heritage_stir(struct small_site *s, unsigned tunnels)
{
	for (unsigned n = 0; n < tunnels; n++)
		hear_tunnel(s, 7 * n % TUNNELS_OF_ONE);
	hear_liturgy(s, 1);
	hear_identity(s);
	accept_offer(s);
}

void
heritage_stir_any(struct small_site *s, unsigned tunnels, unsigned of)
{
	for (unsigned n = 0; n < tunnels; n++)
		hear_tunnel(s, random_below(&s->random, of));
}

/* ---- looking ---- */

#define CELL HERITAGE_CELL

_Static_assert(CELL > RECORD_TUNNEL && CELL > RECORD_LITURGY, "cells");

struct dump {
	uint8_t *bytes;
	size_t len;
};

static struct writer
dump_cell(struct dump *d, uint8_t kind)
{
	struct writer w;

	d->bytes = realloc(d->bytes, d->len + CELL);
	assert_non_null(d->bytes);
	memset(d->bytes + d->len, 0, CELL);
	w = writer_over(d->bytes + d->len, CELL);
	writer_u8(&w, kind);
	d->len += CELL;
	return w;
}

static void
dump_tunnel(const struct tunnel *t, void *arg)
{
	struct writer w = dump_cell(arg, 1);

	record_tunnel_put(&w, t);
}

static void
dump_liturgy(const struct liturgy_entry *e, void *arg)
{
	struct writer w = dump_cell(arg, 2);

	record_liturgy_put(&w, e);
}

static void
dump_identity(const struct identity_record *r, void *arg)
{
	struct writer w = dump_cell(arg, 3);

	record_identity_put(&w, r);
}

static void
dump_replay(const struct replay_record *r, void *arg)
{
	struct writer w = dump_cell(arg, 4);

	record_replay_put(&w, r);
}

static bool
go_on(void *arg)
{
	(void)arg;
	return true;
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, CELL);
}

uint8_t *
heritage_dump(struct site *site, size_t *len)
{
	struct dump d = { .bytes = malloc(1) };

	tunnels_changed(site->tunnels, 0, dump_tunnel, go_on, &d);
	liturgies_changed(site->liturgies, 0, dump_liturgy, go_on, &d);
	identities_changed(site->identities, 0, dump_identity, go_on, &d);
	replay_changed(site->replay, 0, dump_replay, go_on, &d);
	qsort(d.bytes, d.len / CELL, CELL, compare);
	*len = d.len;
	return d.bytes;
}

/* ---- telling ---- */

static bool
stream_put(void *arg, const uint8_t *frame, size_t len)
{
	struct heritage_stream *s = arg;
	uint8_t *more = realloc(s->bytes, s->len + len);

	assert_non_null(more);
	memcpy(more + s->len, frame, len);
	s->bytes = more;
	s->len += len;
	return true;
}

struct bequest_sink
heritage_sink(struct heritage_stream *to)
{
	return (struct bequest_sink){ stream_put, to };
}

static bool
take_one(struct heir *heir, struct frame f, struct instant now, struct fault *why)
{
	uint8_t *exact = malloc(f.len + (f.len == 0));
	bool ok;

	assert_non_null(exact);
	memcpy(exact, f.body, f.len);
	f.body = exact;
	ok = heir_take(heir, &f, now, why);
	free(exact);
	return ok;
}

bool
heritage_take(
    struct heir *heir, const struct heritage_stream *from, struct instant now, struct fault *why)
{
	struct cursor c = cursor_over(from->bytes, from->len);
	struct frame f;

	while (c.left > 0) {
		assert_true(frame_take(&f, &c));
		if (!take_one(heir, f, now, why))
			return false;
	}
	return true;
}
