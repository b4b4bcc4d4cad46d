/* SPDX-License-Identifier: ISC */
#include "tests/support/feeder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "feeder: %s\n", what);
	abort();
}

void
feeder_open(struct feeder *f, const char *folder, struct random *seed)
{
	struct registry_db_options options;
	struct registry_db_state state;
	struct fault why = { "" };

	memset(f, 0, sizeof(*f));
	random_split(&f->random, seed);
	snprintf(f->path, sizeof(f->path), "%s/registry.db", folder);
	snprintf(f->key, sizeof(f->key), "%s/registry.db.key", folder);
	options = (struct registry_db_options){ .path = f->path, .key = f->key };
	f->db = registry_db_create(&options, &f->random, &why);
	must(f->db != NULL, why.text);
	must(registry_db_state(f->db, &state, &why), why.text);
	f->page.since = f->page.until = state.until;
	strcpy(f->page.database, "one");
	if (state.until == 0)
		feeder_reset(f);
}

void
feeder_close(struct feeder *f)
{
	record_page_free(&f->page);
	registry_db_close(f->db);
	f->db = NULL;
}

void
feeder_reset(struct feeder *f)
{
	f->page.reset = true;
	f->page.since = 0;
}

/* Room for one more, zeroed. */
static void *
one_more(void *list, size_t size, size_t *count)
{
	uint8_t *longer = reallocarray(list, *count + 1, size);

	must(longer != NULL, "out of memory");
	memset(longer + *count * size, 0, size);
	++*count;
	return longer;
}

struct kek_set
feeder_numbers(const struct member *members, size_t count)
{
	struct kek_set set = { 0 };

	for (size_t n = 0; n < count; n++)
		kek_set_add(&set, members[n].number);
	return set;
}

/* ---- slices ---- */

struct cutting {
	const struct bundle_plan *plan;
	const struct bundle *slice;
	uint8_t *bytes;
};

static void
write_entry(struct cutting *c, struct flock_id flock, uint8_t own, uint8_t peer)
{
	struct tunnel_id tunnel = tunnel_between(own, peer);
	struct bundle_entry e = bundle_entry_of(c->plan, flock, tunnel);
	size_t place;

	must(bundle_place(c->slice, flock, tunnel, &place), "an entry has no place");
	bundle_entry_encode(&e, c->bytes + BUNDLE_HEAD_SIZE + place * BUNDLE_ENTRY_SIZE);
}

static void
write_entries(struct cutting *c)
{
	bool one = flock_equal(c->plan->first, c->plan->second);

	for (unsigned x = KEK_NUMBER_MIN; x <= KEK_NUMBER_MAX; x++) {
		if (!kek_set_has(&c->slice->in_a, (uint8_t)x))
			continue;
		for (unsigned y = KEK_NUMBER_MIN; y <= KEK_NUMBER_MAX; y++) {
			if (!kek_set_has(&c->slice->in_b, (uint8_t)y) || (one && x == y))
				continue;
			write_entry(c, c->slice->a, (uint8_t)x, (uint8_t)y);
			if (!one)
				write_entry(c, c->slice->b, (uint8_t)y, (uint8_t)x);
		}
	}
}

struct record_slice
feeder_slice(
    const struct bundle_plan *plan, const struct kek_set *of_first, const struct kek_set *of_second)
{
	bool one = flock_equal(plan->first, plan->second);
	struct bundle places = {
		.a = plan->first, .b = plan->second, .in_a = *of_first, .in_b = *of_second
	};
	struct bundle_head head = { .expires = plan->expires, .generation = plan->generation };
	struct record_slice s = { .in_a = *of_first, .in_b = *of_second };
	struct cutting c = { plan, &places, NULL };

	s.len = bundle_size(one, of_first, of_second);
	s.bytes = c.bytes = malloc(s.len);
	must(s.bytes != NULL, "out of memory");
	bundle_head_encode(&head, s.bytes);
	write_entries(&c);
	return s;
}

/* ---- what is on a page ---- */

struct record_flock *
feeder_flock(struct feeder *f, struct flock_id id, const struct member *members, size_t count,
    const struct bundle_plan *plan)
{
	struct kek_set numbers = feeder_numbers(members, count);
	struct record_flock *to;

	f->page.flocks = one_more(f->page.flocks, sizeof(*to), &f->page.flock_count);
	to = &f->page.flocks[f->page.flock_count - 1];
	to->id = id;
	for (size_t n = 0; n < count; n++) {
		const struct member *m = &members[n];

		to->devices = one_more(to->devices, sizeof(*to->devices), &to->device_count);
		to->devices[n] =
		    (struct record_device){ m->id, m->number, m->mbit, m->keys.cs, m->public };
	}
	if (plan != NULL)
		to->slice = feeder_slice(plan, &numbers, &numbers);
	return to;
}

void
feeder_flock_gone(struct feeder *f, struct flock_id id)
{
	struct record_page *p = &f->page;

	p->flocks_gone = one_more(p->flocks_gone, sizeof(id), &p->flock_gone_count);
	p->flocks_gone[p->flock_gone_count - 1] = id;
}

struct record_xflock *
feeder_xflock_record(struct feeder *f, struct flock_id a, struct flock_id b)
{
	struct record_xflock *to;

	f->page.xflocks = one_more(f->page.xflocks, sizeof(*to), &f->page.xflock_count);
	to = &f->page.xflocks[f->page.xflock_count - 1];
	to->a = a;
	to->b = b;
	return to;
}

struct record_xflock *
feeder_xflock(struct feeder *f, const struct bundle_plan *plan, const struct kek_set *of_first,
    const struct kek_set *of_second)
{
	struct record_slice s = feeder_slice(plan, of_first, of_second);
	bool turned = plan->second.value < plan->first.value;
	struct record_xflock *to = feeder_xflock_record(
	    f, turned ? plan->second : plan->first, turned ? plan->first : plan->second);

	to->slice = s;
	to->slice.in_a = turned ? s.in_b : s.in_a;
	to->slice.in_b = turned ? s.in_a : s.in_b;
	return to;
}

void
feeder_xflock_gone(struct feeder *f, struct flock_id a, struct flock_id b)
{
	struct record_page *p = &f->page;

	p->xflocks_gone =
	    one_more(p->xflocks_gone, sizeof(p->xflocks_gone[0]), &p->xflock_gone_count);
	p->xflocks_gone[p->xflock_gone_count - 1] =
	    a.value < b.value ? (struct flock_pair){ a, b } : (struct flock_pair){ b, a };
}

struct record_cathedral *
feeder_cathedral(struct feeder *f, const char *name, const struct endpoint *at, bool shroud)
{
	struct record_page *p = &f->page;
	struct record_cathedral *c;

	p->fleet = one_more(p->fleet, sizeof(*c), &p->fleet_count);
	p->has_fleet = true;
	c = &p->fleet[p->fleet_count - 1];
	snprintf(c->name, sizeof(c->name), "%s", name);
	strcpy(c->region, "here");
	c->at = *at;
	c->shroud = shroud;
	return c;
}

bool
feeder_put(struct feeder *f)
{
	struct record_page next = { .more = false };
	struct fault why = { "" };
	bool changed = false;

	f->page.until++;
	must(registry_db_put(f->db, &f->page, &changed, &f->random, &why), why.text);
	strcpy(next.database, f->page.database);
	next.since = next.until = f->page.until;
	record_page_free(&f->page);
	f->page = next;
	return changed;
}
