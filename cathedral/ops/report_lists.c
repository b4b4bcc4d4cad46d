/* SPDX-License-Identifier: ISC */
/*
 * Lists of what the tables hold.  Entries are copied out first and written down afterwards, since
 * the workers wait for the locks of the tables.
 */
#include "cathedral/ops/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Entries of one table on their way out. */
struct collection {
	const struct flock_id *flock; /* NULL: all */
	uint64_t now_ns;
	size_t entry_size, count, found;
	char *entries; /* REPORT_ENTRIES_MAX of entry_size bytes */
};

static void
collect(struct collection *c, const void *entry, uint64_t seen_ns)
{
	if (seen_ns + ENTRY_TTL_NS < c->now_ns)
		return;
	c->found++;
	if (c->count == REPORT_ENTRIES_MAX)
		return;
	memcpy(c->entries + c->count * c->entry_size, entry, c->entry_size);
	c->count++;
}

static bool
of_flock(const struct collection *c, struct flock_id flock)
{
	return c->flock == NULL || flock_equal(flock_base(flock), flock_base(*c->flock));
}

static bool
collect_tunnel(const struct tunnel *t, void *arg)
{
	struct collection *c = arg;

	if (of_flock(c, t->key.src) || of_flock(c, t->key.dst))
		collect(c, t, t->seen_ns);
	return true;
}

static bool
collect_liturgy(const struct liturgy_entry *l, void *arg)
{
	struct collection *c = arg;

	if (of_flock(c, l->flock))
		collect(c, l, l->seen_ns);
	return true;
}

static int
order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int
by_tunnel(const void *a, const void *b)
{
	const struct tunnel_key *x = &((const struct tunnel *)a)->key;
	const struct tunnel_key *y = &((const struct tunnel *)b)->key;
	int src = order(x->src.value, y->src.value), dst = order(x->dst.value, y->dst.value);

	return src != 0 ? src : dst != 0 ? dst : order(x->id, y->id);
}

static int
by_liturgy(const void *a, const void *b)
{
	const struct liturgy_entry *x = a, *y = b;
	int flock = order(x->flock.value, y->flock.value), group = order(x->group, y->group);

	return flock != 0 ? flock : group != 0 ? group : order(x->number, y->number);
}

static json_t *
json_age(const struct collection *c, uint64_t seen_ns)
{
	uint64_t age_ns = c->now_ns > seen_ns ? c->now_ns - seen_ns : 0;

	return json_integer((json_int_t)(age_ns / NS_PER_S));
}

static json_t *
json_at(const struct endpoint *e)
{
	char text[ENDPOINT_TEXT];

	return json_string(endpoint_format(e, text));
}

static json_t *
json_tunnel(const struct collection *c, const struct tunnel *t)
{
	json_t *o = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "flock",
	    report_hex(1, t->key.src.value), "peer_flock", report_hex(1, t->key.dst.value),
	    "tunnel", report_hex(4, t->key.id), "device", report_hex(8, t->device.value), "address",
	    json_at(&t->at), "age", json_age(c, t->seen_ns), "federated", t->federated);

	json_object_set_new(o, "p2p", t->p2p_usable ? json_at(&t->p2p) : json_null());
	json_object_set_new(o, "spi", report_hex(8, t->rx_active));
	json_object_set_new(o, "pending_spi", report_hex(8, t->rx_pending));
	json_object_set_new(o, "generation", report_hex(8, t->generation));
	json_object_set_new(o, "listener", json_integer(t->listener));
	return o;
}

static json_t *
json_liturgy(const struct collection *c, const struct liturgy_entry *l)
{
	return json_pack("{s:o, s:i, s:o, s:o, s:s, s:b, s:o, s:o, s:b}", "flock",
	    report_hex(1, l->flock.value), "group", (int)l->group, "number",
	    report_hex(2, l->number), "device", report_hex(8, l->device.value), "kind",
	    l->signalling ? "signalling" : "discovery", "hidden", l->hidden, "address",
	    json_at(&l->at), "age", json_age(c, l->seen_ns), "federated", l->federated);
}

static bool
collection_open(
    struct collection *c, size_t entry_size, const struct flock_id *flock, struct instant now)
{
	*c = (struct collection){ .flock = flock, .now_ns = now.mono_ns, .entry_size = entry_size };
	c->entries = malloc(REPORT_ENTRIES_MAX * entry_size);
	return c->entries != NULL;
}

/* Closes c. */
static json_t *
finish(struct collection *c, const char *name, json_t *list)
{
	json_t *doc = json_pack("{s:o, s:I, s:b}", name, list, "found", (json_int_t)c->found,
	    "truncated", c->found > c->count);

	free(c->entries);
	return doc;
}

json_t *
report_tunnels(const struct overview *o, const struct flock_id *flock, struct instant now)
{
	struct collection c;
	const struct tunnel *entries;
	json_t *list;

	if (!collection_open(&c, sizeof(*entries), flock, now))
		return NULL;
	tunnels_each(o->tunnels, collect_tunnel, &c);
	entries = (const struct tunnel *)(const void *)c.entries;
	qsort(c.entries, c.count, c.entry_size, by_tunnel);

	list = json_array();
	for (size_t i = 0; i < c.count; i++)
		json_array_append_new(list, json_tunnel(&c, &entries[i]));
	return finish(&c, "tunnels", list);
}

json_t *
report_liturgies(const struct overview *o, const struct flock_id *flock, struct instant now)
{
	struct collection c;
	const struct liturgy_entry *entries;
	json_t *list;

	if (!collection_open(&c, sizeof(*entries), flock, now))
		return NULL;
	liturgies_each(o->liturgies, collect_liturgy, &c);
	entries = (const struct liturgy_entry *)(const void *)c.entries;
	qsort(c.entries, c.count, c.entry_size, by_liturgy);

	list = json_array();
	for (size_t i = 0; i < c.count; i++)
		json_array_append_new(list, json_liturgy(&c, &entries[i]));
	return finish(&c, "liturgies", list);
}

/* ---- who is still here ---- */

/* Devices speak every five seconds: who was silent for three times that has gone. */
#define HERE_NS (15 * NS_PER_S)

struct presence {
	uint64_t now_ns;
	json_int_t tunnels, liturgies;
};

static bool
count_tunnel(const struct tunnel *t, void *arg)
{
	struct presence *p = arg;

	p->tunnels += !t->federated && p->now_ns < t->seen_ns + HERE_NS;
	return true;
}

static bool
count_liturgy(const struct liturgy_entry *l, void *arg)
{
	struct presence *p = arg;

	p->liturgies += !l->federated && p->now_ns < l->seen_ns + HERE_NS;
	return true;
}

json_t *
report_drain(const struct overview *o, struct instant now)
{
	struct presence p = { .now_ns = now.mono_ns };

	tunnels_each(o->tunnels, count_tunnel, &p);
	liturgies_each(o->liturgies, count_liturgy, &p);
	return json_pack("{s:b, s:I, s:I}", "draining", (int)overview_draining(o), "tunnels",
	    p.tunnels, "liturgies", p.liturgies);
}
