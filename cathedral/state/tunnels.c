/* SPDX-License-Identifier: ISC */
#include "cathedral/state/tunnels.h"

#include "cathedral/state/quota.h"
#include "cathedral/state/table.h"

#include <stdlib.h>

#define SHARDS          64
#define SWEEP_WHEN_FULL 256

/* A token bucket holds at most what one second brings. */
#define BURST_NS NS_PER_S

struct tunnels {
	struct table *table;
	struct quota *quota;
};

struct tunnels *
tunnels_create(size_t capacity, uint32_t per_device, struct random *r)
{
	struct tunnels *t = calloc(1, sizeof(*t));
	struct table_shape shape = {
		.capacity = capacity,
		.entry_size = sizeof(struct tunnel),
		.key_size = sizeof(struct tunnel_key),
		.shards = SHARDS,
		.by_flock = true,
	};

	if (t == NULL)
		return NULL;
	t->table = table_create(&shape, hash_key_new(r));
	/* As many devices as there are places: a full table is never taken for one's quota. */
	if (t->table != NULL)
		t->quota = quota_create(table_capacity(t->table), per_device, r);
	if (t->quota == NULL) {
		tunnels_destroy(t);
		return NULL;
	}
	return t;
}

void
tunnels_destroy(struct tunnels *t)
{
	if (t == NULL)
		return;
	table_destroy(t->table);
	quota_destroy(t->quota);
	free(t);
}

static bool
is_live(const struct tunnel *e, uint64_t now_ns)
{
	return now_ns < e->seen_ns + ENTRY_TTL_NS;
}

/* For table_sweep(): what an expired entry held goes back to its device's quota. */
struct sweep {
	struct tunnels *tunnels;
	uint64_t now_ns;
};

static bool
entry_gone(void *at, void *arg)
{
	const struct tunnel *e = at;
	const struct sweep *sweep = arg;

	if (is_live(e, sweep->now_ns))
		return false;
	quota_give_back(sweep->tunnels->quota, e->key.src, e->device);
	return true;
}

bool
tunnels_find(struct tunnels *t, const struct tunnel_key *key, uint64_t now_ns, struct tunnel *ret)
{
	struct table_shard *s = table_lock(t->table, key);
	const struct tunnel *e = table_find(s, key);
	bool found = e != NULL && is_live(e, now_ns);

	if (found)
		*ret = *e;
	table_unlock(s);
	return found;
}

/* The entry of device, or NULL; one that is not its own or has expired is removed on the way. */
static struct tunnel *
own_entry(struct tunnels *t, struct table_shard *s, const struct tunnel_key *key,
    struct device_id device, uint64_t now_ns)
{
	struct tunnel *e = table_find(s, key);

	if (e == NULL || (is_live(e, now_ns) && e->device.value == device.value))
		return e;
	quota_give_back(t->quota, e->key.src, e->device);
	table_remove(s, e);
	return NULL;
}

static enum tunnels_result
create_entry(struct tunnels *t, struct table_shard *s, const struct tunnel_key *key,
    struct device_id device, uint64_t now_ns, struct tunnel **ret)
{
	struct sweep sweep = { .tunnels = t, .now_ns = now_ns };
	struct tunnel *e;

	if (!quota_take(t->quota, key->src, device))
		return TUNNELS_QUOTA;
	e = table_insert(s, key);
	if (e == NULL && table_sweep(s, SWEEP_WHEN_FULL, entry_gone, &sweep) > 0)
		e = table_insert(s, key);
	if (e == NULL) {
		quota_give_back(t->quota, key->src, device);
		return TUNNELS_FULL;
	}
	e->device = device;
	e->seen_ns = now_ns;
	*ret = e;
	return TUNNELS_OK;
}

enum tunnels_result
tunnels_change(struct tunnels *t, const struct tunnel_key *key, struct device_id device,
    bool create, uint64_t now_ns, tunnels_change_fn *change, void *arg)
{
	struct table_shard *s = table_lock(t->table, key);
	struct tunnel *e = own_entry(t, s, key, device, now_ns);
	enum tunnels_result result = TUNNELS_OK;
	bool created = false;

	if (e == NULL) {
		result = create ? create_entry(t, s, key, device, now_ns, &e) : TUNNELS_ABSENT;
		created = true;
	}
	if (result == TUNNELS_OK) {
		change(e, created, arg);
		table_touch(s, e);
	}
	table_unlock(s);
	return result;
}

/* rx_pending and rx_learned are 0 while there is none: an SPI of 0 is nobody's. */
static bool
listens_to(const struct tunnel *e, uint32_t spi)
{
	return spi != 0 && (spi == e->rx_active || spi == e->rx_pending || spi == e->rx_learned);
}

/*
 * An exact token bucket: credit is counted in bytes * 8000, of which mbit come in each nanosecond,
 * so that nothing is ever rounded.
 */
static bool
bucket_charge(struct tunnel *e, uint32_t mbit, size_t bytes, uint64_t now_ns)
{
	uint64_t full = (uint64_t)mbit * BURST_NS;
	uint64_t cost = (uint64_t)bytes * 8000;
	uint64_t passed;

	if (mbit == 0)
		return true;
	if (!e->bucket_set) {
		e->bucket_set = true;
		e->bucket_ns = now_ns;
		e->credit = full;
	}
	/* Two threads' clocks may have been read in the other order. */
	passed = now_ns > e->bucket_ns ? now_ns - e->bucket_ns : 0;
	if (passed >= BURST_NS)
		e->credit = full;
	else
		e->credit += passed * mbit;
	if (e->credit > full)
		e->credit = full;
	e->bucket_ns += passed;
	if (e->credit < cost)
		return false;
	e->credit -= cost;
	return true;
}

enum tunnels_route_result
tunnels_route(struct tunnels *t, const struct tunnel_key *key, struct device_id device,
    uint32_t spi, uint32_t mbit, size_t bytes, uint64_t now_ns, struct tunnel_route *ret)
{
	struct table_shard *s = table_lock(t->table, key);
	struct tunnel *e = table_find(s, key);
	enum tunnels_route_result result = ROUTE_OK;

	if (e == NULL || !is_live(e, now_ns) || e->device.value != device.value)
		result = ROUTE_ABSENT;
	else if (!listens_to(e, spi))
		result = ROUTE_SPI;
	else if (!bucket_charge(e, mbit, bytes, now_ns))
		result = ROUTE_CAP;
	else
		*ret = (struct tunnel_route){ e->at, e->listener, e->federated };
	if (mbit > 0 && e != NULL)
		table_touch(s, e);
	table_unlock(s);
	return result;
}

bool
tunnels_is_at(struct tunnels *t, const struct tunnel_key *key, struct device_id device,
    const struct endpoint *from, uint8_t listener, uint64_t now_ns)
{
	struct table_shard *s = table_lock(t->table, key);
	const struct tunnel *e = table_find(s, key);
	bool there = e != NULL && is_live(e, now_ns) && e->device.value == device.value &&
		     !e->federated && e->listener == listener && endpoint_equal(&e->at, from);

	table_unlock(s);
	return there;
}

size_t
tunnels_sweep(struct tunnels *t, size_t parts, uint64_t now_ns)
{
	struct sweep sweep = { .tunnels = t, .now_ns = now_ns };

	return table_sweep_part(t->table, parts, entry_gone, &sweep);
}

struct walk {
	struct tunnels *tunnels;
	tunnels_visit *visit;
	void *arg;
};

static bool
walk_stays(const void *at, void *arg)
{
	const struct walk *w = arg;

	return w->visit(at, w->arg);
}

static bool
walk_gone(void *at, void *arg)
{
	const struct tunnel *e = at;
	const struct walk *w = arg;

	if (w->visit(e, w->arg))
		return false;
	quota_give_back(w->tunnels->quota, e->key.src, e->device);
	return true;
}

void
tunnels_each(struct tunnels *t, tunnels_visit *visit, void *arg)
{
	struct walk w = { .tunnels = t, .visit = visit, .arg = arg };

	table_review(t->table, &(struct table_look){ walk_stays, walk_gone, &w });
}

void
tunnels_each_of(struct tunnels *t, struct flock_id flock, tunnels_visit *visit, void *arg)
{
	struct walk w = { .tunnels = t, .visit = visit, .arg = arg };

	table_review_flock(t->table, flock, &(struct table_look){ walk_stays, walk_gone, &w });
}

uint32_t
tunnels_mark(struct tunnels *t)
{
	return table_mark(t->table);
}

struct view {
	tunnels_see *see;
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
view_entry(const void *entry, void *arg)
{
	const struct view *v = arg;

	v->see(entry, v->arg);
}

bool
tunnels_changed(struct tunnels *t, uint32_t since, tunnels_see *see, table_rest *rest, void *arg)
{
	struct view v = { see, rest, arg };

	return table_each(t->table, since, view_entry, view_rest, &v);
}

enum tunnels_result
tunnels_restore(struct tunnels *t, const struct tunnel *was, uint64_t now_ns)
{
	struct table_shard *s = table_lock(t->table, &was->key);
	struct tunnel *e = own_entry(t, s, &was->key, was->device, now_ns);
	enum tunnels_result result = TUNNELS_OK;
	bool newer = e == NULL || e->seen_ns <= was->seen_ns;

	if (!is_live(was, now_ns))
		result = TUNNELS_ABSENT;
	else if (e == NULL)
		result = create_entry(t, s, &was->key, was->device, now_ns, &e);
	if (result == TUNNELS_OK && newer) {
		*e = *was;
		table_touch(s, e);
	}
	table_unlock(s);
	return result;
}

size_t
tunnels_count(struct tunnels *t)
{
	return table_count(t->table);
}

size_t
tunnels_capacity(const struct tunnels *t)
{
	return table_capacity(t->table);
}
