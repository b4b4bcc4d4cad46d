/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/bequest.h"

#include "cathedral/relay/bequest_parts.h"
#include "cathedral/state/records.h"

#include <stdlib.h>

#define ROOM_FIRST (256u << 10)

struct bequest {
	struct site *site;
	struct bequest_sink sink;
	enum bequest_scope scope;
	bool key_told;
	/* What changes from here on was not written yet; 0: nothing was. */
	uint32_t tunnels, liturgies, identities, replays, budgets;

	/* Records of one kind that were seen under a lock and wait for the sink. */
	enum bequest_kind kind;
	bool needed, failed;
	size_t size; /* of a record */
	uint8_t *room;
	size_t used, capacity;
	uint64_t *count;
	uint64_t frames; /* written */
	uint8_t frame[FRAME_MAX];
};

struct bequest *
bequest_create(struct site *site, const struct bequest_sink *sink, enum bequest_scope scope)
{
	struct bequest *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->site = site;
	b->sink = *sink;
	b->scope = scope;
	b->capacity = ROOM_FIRST;
	b->room = malloc(b->capacity);
	if (b->room != NULL)
		return b;
	free(b);
	return NULL;
}

void
bequest_destroy(struct bequest *b)
{
	if (b == NULL)
		return;
	free(b->room);
	free(b);
}

static bool
put(struct bequest *b, enum bequest_kind kind, bool needed, size_t len)
{
	b->frames++;
	frame_head(b->frame, (uint16_t)kind, BEQUEST_VERSION, needed, len);
	return b->sink.put(b->sink.arg, b->frame, FRAME_HEAD + len);
}

static bool
put_head(struct bequest *b, struct instant now)
{
	const struct site_options *o = &b->site->options;
	struct writer w = writer_over(b->frame + FRAME_HEAD, FRAME_BODY);

	writer_put(&w, BEQUEST_MAGIC, sizeof(BEQUEST_MAGIC) - 1);
	writer_be64(&w, (uint64_t)now.wall_s);
	writer_be64(&w, now.mono_ns);
	writer_u8(&w, (uint8_t)o->listener_count);
	for (size_t n = 0; n < o->listener_count; n++) {
		record_endpoint_put(&w, &o->listeners[n].main);
		writer_u8(&w, o->listeners[n].shrouded);
	}
	return put(b, BEQUEST_HEAD, true, FRAME_BODY - w.left);
}

static bool
put_replay_key(struct bequest *b)
{
	struct hash_key key = replay_key(b->site->replay);

	memcpy(b->frame + FRAME_HEAD, key.bytes, sizeof(key.bytes));
	return put(b, BEQUEST_REPLAY_KEY, true, sizeof(key.bytes));
}

/* ---- records ---- */

static void
begin(struct bequest *b, enum bequest_kind kind, size_t size, uint64_t *count)
{
	b->kind = kind;
	b->needed =
	    kind != BEQUEST_LITURGIES && kind != BEQUEST_IDENTITIES && kind != BEQUEST_BUDGETS;
	b->size = size;
	b->count = count;
	b->used = 0;
}

/* Room for one more, under a table's lock; the writer is failed when there is no memory. */
static struct writer
record_room(struct bequest *b)
{
	struct writer w = { .failed = true };

	if (b->used + b->size > b->capacity) {
		uint8_t *more = realloc(b->room, 2 * b->capacity);

		b->failed |= more == NULL;
		if (more == NULL)
			return w;
		b->room = more;
		b->capacity *= 2;
	}
	w = writer_over(b->room + b->used, b->size);
	b->used += b->size;
	return w;
}

static void
send_records(struct bequest *b, size_t at, size_t len)
{
	memcpy(b->frame + FRAME_HEAD, b->room + at, len);
	b->failed |= !put(b, b->kind, b->needed, len);
	*b->count += len / b->size;
}

/* No lock is held now: whole frames go out, what is left waits for more. */
static bool
send_full(void *arg)
{
	struct bequest *b = arg;
	size_t full = FRAME_BODY / b->size * b->size, at = 0;

	for (; !b->failed && b->used - at >= full; at += full)
		send_records(b, at, full);
	b->used -= at;
	memmove(b->room, b->room + at, b->used);
	return !b->failed;
}

static bool
send_rest(struct bequest *b)
{
	if (!b->failed && b->used > 0)
		send_records(b, 0, b->used);
	b->used = 0;
	return !b->failed;
}

static void
see_tunnel(const struct tunnel *t, void *arg)
{
	struct writer w = record_room(arg);

	record_tunnel_put(&w, t);
}

static void
see_liturgy(const struct liturgy_entry *e, void *arg)
{
	struct writer w = record_room(arg);

	record_liturgy_put(&w, e);
}

static void
see_identity(const struct identity_record *r, void *arg)
{
	struct writer w = record_room(arg);

	record_identity_put(&w, r);
}

static void
see_replay(const struct replay_record *r, void *arg)
{
	struct writer w = record_room(arg);

	record_replay_put(&w, r);
}

static bool
write_replays(struct bequest *b, uint64_t *count)
{
	uint32_t since = b->replays;

	if (b->scope != BEQUEST_PROCESS)
		return true;
	if (!b->key_told && !put_replay_key(b))
		return false;
	b->key_told = true;
	begin(b, BEQUEST_REPLAYS, RECORD_REPLAY, count);
	b->replays = replay_begin(b->site->replay);
	return replay_changed(b->site->replay, since, see_replay, send_full, b) && send_rest(b);
}

static bool
write_draining(struct bequest *b)
{
	return !atomic_load(&b->site->draining) || put(b, BEQUEST_DRAINING, false, 0);
}

static void
see_budget(const struct budget_record *r, void *arg)
{
	struct writer w = record_room(arg);

	record_budget_put(&w, r);
}

static bool
write_budgets(struct bequest *b, uint64_t *count)
{
	struct budget *budget = b->site->budget;
	uint32_t since = b->budgets;

	if (budget == NULL || b->scope == BEQUEST_STATE)
		return true;
	begin(b, BEQUEST_BUDGETS, RECORD_BUDGET, count);
	b->budgets = budget_mark(budget);
	return budget_changed(budget, since, see_budget, send_full, b) && send_rest(b);
}

static bool
write_tables(struct bequest *b, struct bequest_counts *counts)
{
	struct site *s = b->site;
	uint32_t since;

	begin(b, BEQUEST_TUNNELS, RECORD_TUNNEL, &counts->tunnels);
	since = b->tunnels;
	b->tunnels = tunnels_mark(s->tunnels);
	if (!tunnels_changed(s->tunnels, since, see_tunnel, send_full, b) || !send_rest(b))
		return false;
	begin(b, BEQUEST_LITURGIES, RECORD_LITURGY, &counts->liturgies);
	since = b->liturgies;
	b->liturgies = liturgies_mark(s->liturgies);
	if (!liturgies_changed(s->liturgies, since, see_liturgy, send_full, b) || !send_rest(b))
		return false;
	begin(b, BEQUEST_IDENTITIES, RECORD_IDENTITY, &counts->identities);
	since = b->identities;
	b->identities = identities_mark(s->identities);
	return identities_changed(s->identities, since, see_identity, send_full, b) && send_rest(b);
}

/* Replays first: an offer that is accepted after them moves a tunnel that is not written yet. */
bool
bequest_write(struct bequest *b, struct instant now, struct bequest_counts *counts)
{
	return put_head(b, now) && write_budgets(b, &counts->budgets) &&
	       (b->scope == BEQUEST_MONTHS ||
		   (write_draining(b) && write_replays(b, &counts->replays) &&
		       write_tables(b, counts)));
}

bool
bequest_end(struct bequest *b)
{
	struct writer w = writer_over(b->frame + FRAME_HEAD, 8);

	writer_be64(&w, b->frames);
	return put(b, BEQUEST_END, true, 8);
}
