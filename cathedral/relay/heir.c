/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/bequest.h"
#include "cathedral/relay/bequest_parts.h"
#include "cathedral/state/records.h"

#include <string.h>

/* How far the two clocks may part between writing and reading: more, and the machine was started
 * in between, so that times of the one mean nothing to the other. */
#define DRIFT_S 10

struct heir
heir_of(struct site *site, enum bequest_scope scope)
{
	struct heir h = { .site = site, .scope = scope };

	memset(h.of_ours, HEIR_NONE, sizeof(h.of_ours));
	return h;
}

static struct record_limits
limits_of(const struct heir *h, struct instant now)
{
	return (struct record_limits){
		.now_ns = now.mono_ns, .now_s = now.wall_s, .listeners = h->listeners
	};
}

/* The same address in the same kind: what was heard there can be answered there. */
static uint8_t
find_listener(const struct heir *h, const struct endpoint *at, bool shrouded)
{
	const struct site_options *o = &h->site->options;

	for (size_t n = 0; n < o->listener_count; n++) {
		if (endpoint_equal(&o->listeners[n].main, at) &&
		    o->listeners[n].shrouded == shrouded)
			return (uint8_t)n;
	}
	return HEIR_NONE;
}

/* Both clocks of one machine go at one pace, unless it was started anew. */
static bool
same_machine(const struct heir *h, struct instant now)
{
	int64_t wall_s = now.wall_s - h->wall_s, mono_s;

	if (h->mono_ns > now.mono_ns + NS_PER_S || wall_s < -DRIFT_S)
		return false;
	mono_s = (int64_t)((now.mono_ns + NS_PER_S - h->mono_ns) / NS_PER_S);
	return wall_s <= mono_s + DRIFT_S && mono_s <= wall_s + DRIFT_S;
}

static bool
take_head(struct heir *h, struct cursor *c, struct instant now, struct fault *why)
{
	char magic[sizeof(BEQUEST_MAGIC) - 1];
	uint64_t wall_s;

	cursor_take(c, magic, sizeof(magic));
	wall_s = cursor_be64(c);
	h->mono_ns = cursor_be64(c);
	h->listeners = cursor_u8(c);
	if (memcmp(magic, BEQUEST_MAGIC, sizeof(magic)) != 0 || wall_s > INT64_MAX / 2)
		return fault_set(why, "not what a cathedral leaves behind");
	h->wall_s = (int64_t)wall_s;
	memset(h->of_ours, HEIR_NONE, sizeof(h->of_ours));
	for (unsigned n = 0; n < h->listeners; n++) {
		struct endpoint at = record_endpoint_get(c);
		uint8_t shrouded = cursor_u8(c);

		h->of_ours[n] = find_listener(h, &at, shrouded != 0);
	}
	if (!cursor_done(c))
		return fault_set(why, "its listeners are not a whole list");
	if (h->scope != BEQUEST_MONTHS && !same_machine(h, now))
		return fault_set(
		    why, "written before this machine was started, or by other clocks");
	h->begun = true;
	return true;
}

/* ---- entries ---- */

static bool
take_tunnel(struct heir *h, struct cursor *c, const struct record_limits *limits)
{
	/* The visitor only reads it. */
	void *registry = (void *)(uintptr_t)publish_current(h->site->publish);
	struct tunnel t;

	if (!record_tunnel_get(&t, c, limits))
		return false;
	t.listener = h->of_ours[t.listener];
	if (t.listener != HEIR_NONE && site_tunnel_stays(&t, registry) &&
	    tunnels_restore(h->site->tunnels, &t, limits->now_ns) == TUNNELS_OK)
		h->counts.tunnels++;
	else
		h->counts.left++;
	return true;
}

static bool
take_liturgy(struct heir *h, struct cursor *c, const struct record_limits *limits)
{
	void *registry = (void *)(uintptr_t)publish_current(h->site->publish);
	struct liturgy_entry e;

	if (!record_liturgy_get(&e, c, limits))
		return false;
	e.listener = h->of_ours[e.listener];
	if (e.listener != HEIR_NONE && site_liturgy_stays(&e, registry) &&
	    liturgies_restore(h->site->liturgies, &e, limits->now_ns))
		h->counts.liturgies++;
	else
		h->counts.left++;
	return true;
}

static bool
take_identity(struct heir *h, struct cursor *c, const struct record_limits *limits)
{
	struct identity_record r;

	if (!record_identity_get(&r, c, limits))
		return false;
	if (identities_restore(h->site->identities, &r, limits->now_ns))
		h->counts.identities++;
	else
		h->counts.left++;
	return true;
}

static bool
take_replay(struct heir *h, struct cursor *c, const struct record_limits *limits)
{
	struct replay_record r;

	if (!h->replays || !record_replay_get(&r, c, limits))
		return false;
	if (replay_restore(h->site->replay, &r, limits->now_ns))
		h->counts.replays++;
	else
		h->counts.left++;
	return true;
}

static bool
take_budget(struct heir *h, struct cursor *c, const struct record_limits *limits)
{
	struct budget_record r;

	if (!record_budget_get(&r, c, limits))
		return false;
	if (h->site->budget != NULL && budget_restore(h->site->budget, &r))
		h->counts.budgets++;
	else
		h->counts.left++;
	return true;
}

typedef bool take_fn(struct heir *h, struct cursor *c, const struct record_limits *limits);

static bool
take_all(struct heir *h, const struct frame *f, struct instant now, take_fn *take)
{
	struct record_limits limits = limits_of(h, now);
	struct cursor c = cursor_over(f->body, f->len);

	while (c.left > 0) {
		if (!take(h, &c, &limits))
			return false;
	}
	return true;
}

/* ---- frames ---- */

/* One key for all of them: marks under another would mean nothing. */
static bool
take_key(struct heir *h, struct cursor *c)
{
	struct hash_key key;

	cursor_take(c, key.bytes, sizeof(key.bytes));
	if (!cursor_done(c) || h->replays)
		return false;
	replay_set_key(h->site->replay, &key);
	h->replays = true;
	return true;
}

static bool
take_end(struct heir *h, struct cursor *c)
{
	uint64_t count = cursor_be64(c);

	h->ended = true;
	return cursor_done(c) && count == h->frames;
}

static const struct {
	const char *name;
	take_fn *take;
} tables[] = {
	[BEQUEST_TUNNELS] = { "tunnels", take_tunnel },
	[BEQUEST_LITURGIES] = { "liturgies", take_liturgy },
	[BEQUEST_IDENTITIES] = { "identities", take_identity },
	[BEQUEST_REPLAYS] = { "replays", take_replay },
	[BEQUEST_BUDGETS] = { "budgets", take_budget },
};

static bool
take_known(struct heir *h, const struct frame *f, struct instant now, struct fault *why)
{
	struct cursor c = cursor_over(f->body, f->len);

	switch ((enum bequest_kind)f->kind) {
	case BEQUEST_HEAD:
		return take_head(h, &c, now, why);
	case BEQUEST_REPLAY_KEY:
		return take_key(h, &c) || fault_set(why, "the key of its replays is wrong");
	case BEQUEST_END:
		return take_end(h, &c) || fault_set(why, "something of it is missing");
	case BEQUEST_DRAINING:
		atomic_store(&h->site->draining, true);
		return true;
	case BEQUEST_TUNNELS:
	case BEQUEST_LITURGIES:
	case BEQUEST_IDENTITIES:
	case BEQUEST_REPLAYS:
	case BEQUEST_BUDGETS:
	case BEQUEST_KINDS:
		break;
	}
	return take_all(h, f, now, tables[f->kind].take) ||
	       fault_set(why, "one of its %s is wrong", tables[f->kind].name);
}

bool
heir_take(struct heir *h, const struct frame *f, struct instant now, struct fault *why)
{
	bool known =
	    f->kind >= BEQUEST_HEAD && f->kind <= BEQUEST_DRAINING && f->version == BEQUEST_VERSION;

	h->frames += f->kind != BEQUEST_END;
	if (!known && f->needed)
		return fault_set(why,
		    "needs part %u in version %u, which this version does not know", f->kind,
		    f->version);
	if (!known) {
		h->skipped++;
		return true;
	}
	if (h->scope == BEQUEST_MONTHS && f->kind != BEQUEST_HEAD && f->kind != BEQUEST_BUDGETS &&
	    f->kind != BEQUEST_END)
		return fault_set(why, "it is not about budgets");
	if (!h->begun && f->kind != BEQUEST_HEAD)
		return fault_set(why, "begins without its head");
	if (h->ended)
		return fault_set(why, "goes on behind its end");
	return take_known(h, f, now, why);
}
