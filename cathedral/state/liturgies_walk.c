/* SPDX-License-Identifier: ISC */
#include "cathedral/state/liturgies_inside.h"

#include <string.h>

struct walk {
	struct liturgies *liturgies;
	liturgies_visit *visit;
	void *arg;
};

static struct liturgy_entry
entry_copy(const struct entry *e)
{
	return (struct liturgy_entry){
		.flock = e->key.flock,
		.number = e->key.number,
		.listener = e->listener,
		.signalling = e->key.kind == SIGNALLING,
		.hidden = e->hidden,
		.federated = e->federated,
		.group = e->group,
		.device = e->device,
		.at = e->at,
		.seen_ns = e->seen_ns,
		.answered_ns = e->answered_ns,
		.rhythm = e->rhythm,
		.remembered_ns = e->remembered_ns,
		.peers = { e->peers[0], e->peers[1], e->peers[2], e->peers[3] },
	};
}

static bool
walk_stays(const void *at, void *arg)
{
	const struct entry *e = at;
	const struct walk *w = arg;
	struct liturgy_entry copy;

	if (e->key.kind == INDEX)
		return true;
	copy = entry_copy(e);
	return w->visit(&copy, w->arg);
}

static bool
walk_gone(void *at, void *arg)
{
	const struct walk *w = arg;

	if (walk_stays(at, arg))
		return false;
	entry_release(w->liturgies, at);
	return true;
}

void
liturgies_each(struct liturgies *l, liturgies_visit *visit, void *arg)
{
	struct walk w = { .liturgies = l, .visit = visit, .arg = arg };

	table_review(l->table, &(struct table_look){ walk_stays, walk_gone, &w });
}

void
liturgies_each_of(struct liturgies *l, struct flock_id flock, liturgies_visit *visit, void *arg)
{
	struct walk w = { .liturgies = l, .visit = visit, .arg = arg };

	table_review_flock(l->table, flock, &(struct table_look){ walk_stays, walk_gone, &w });
}

uint32_t
liturgies_mark(struct liturgies *l)
{
	return table_mark(l->table);
}

struct view {
	liturgies_see *see;
	table_rest *rest;
	void *arg;
};

static bool
view_rest(void *arg)
{
	const struct view *v = arg;

	return v->rest(v->arg);
}

static void
view_entry(const void *at, void *arg)
{
	const struct entry *e = at;
	const struct view *v = arg;
	struct liturgy_entry copy;

	if (e->key.kind == INDEX)
		return;
	copy = entry_copy(e);
	v->see(&copy, v->arg);
}

bool
liturgies_changed(
    struct liturgies *l, uint32_t since, liturgies_see *see, table_rest *rest, void *arg)
{
	struct view v = { see, rest, arg };

	return table_each(l->table, since, view_entry, view_rest, &v);
}

static bool
restore_locked(
    struct liturgies *l, struct table_shard *s, const struct liturgy_entry *was, uint64_t now_ns)
{
	enum kind kind = was->signalling ? SIGNALLING : DISCOVERY;
	struct key key = key_of(was->flock, kind, was->number);
	struct entry *index = liturgies_index(l, s, was->flock, now_ns), *e = NULL;
	bool quota;

	if (index != NULL)
		e = liturgies_entry_of(l, s, &key, was->device, now_ns, &quota);
	if (e == NULL)
		return false;
	bit_set(index->present[kind], key.number);
	if (e->seen_ns > was->seen_ns)
		return true;
	e->seen_ns = was->seen_ns;
	e->said_s = 0; /* not handed over: the next one counts */
	e->answered_ns = was->answered_ns;
	e->rhythm = was->rhythm;
	e->remembered_ns = was->remembered_ns;
	e->group = was->group;
	e->listener = was->listener;
	e->hidden = was->hidden;
	e->federated = was->federated;
	e->at = was->at;
	memcpy(e->peers, was->peers, sizeof(e->peers));
	table_touch(s, e);
	return true;
}

bool
liturgies_restore(struct liturgies *l, const struct liturgy_entry *was, uint64_t now_ns)
{
	struct table_shard *s;
	bool ok;

	if (now_ns >= was->seen_ns + ENTRY_TTL_NS)
		return false;
	s = table_lock(l->table, &was->flock);
	ok = restore_locked(l, s, was, now_ns);
	table_unlock(s);
	return ok;
}

static bool
count_entry(const struct liturgy_entry *entry, void *arg)
{
	size_t *count = arg;

	(void)entry;
	(*count)++;
	return true;
}

size_t
liturgies_count(struct liturgies *l)
{
	size_t count = 0;

	liturgies_each(l, count_entry, &count);
	return count;
}
