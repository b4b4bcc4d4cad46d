/* SPDX-License-Identifier: ISC */
/*
 * Thousands of random pages for registry.db and for a model of it in plain arrays.  Some readers
 * follow closely, some fall far behind, some begin anew: all must know what the model knows.  A
 * failure says which page it was, and the seed is printed.
 */
#include "tests/support/ends.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PAGES   2500
#define FLOCKS  6
#define READERS 3 /* the nth reads on after every 4^n pages, or so */

static const uint64_t ids[FLOCKS] = { 0x100, 0x200, 0x7fffffffffffff00, 0x8000000000000000,
	0x8000000000000100, 0xffffffffffffff00 };

static struct fault why;

struct model {
	struct known known;
	/* In the sweep that is going on: what came up. */
	bool flock_up[FLOCKS], xflock_up[FLOCKS][FLOCKS], fleet_up;
	bool sweeping;
	char database[RECORD_DATABASE];
	uint64_t until;
};

struct world {
	struct ends e;
	struct model m;
	struct random random;
	struct known readers[READERS];
	uint64_t versions[READERS];
	unsigned pages, refused, resets, sweeps;
};

static unsigned
below(struct world *w, unsigned limit)
{
	return random_below(&w->random, limit);
}

/* ---- random pages ---- */

static void
add_something(struct world *w, struct record_page *p)
{
	unsigned i = below(w, FLOCKS), j = below(w, FLOCKS), what = below(w, 4);
	uint64_t a = ids[i < j ? i : j], b = ids[i < j ? j : i];

	switch (below(w, 6)) {
	case 0:
		if (a != b)
			page_add_xflock_gone(p, a, b);
		break;
	case 1:
		page_add_flock_gone(p, ids[i]);
		break;
	case 2:
		if (!p->has_fleet)
			page_add_cathedral(p, "a", what);
		break;
	case 3:
	case 4:
		if (a != b)
			page_add_xflock(p, a, b, what);
		break;
	default:
		page_add_flock(p, ids[i], below(w, 4), what);
	}
}

static struct record_page
random_page(struct world *w)
{
	struct record_page p = page_from(w->m.until, w->m.until + below(w, 3));
	unsigned kind = below(w, 20), things = below(w, 6);

	snprintf(p.database, sizeof(p.database), "%s", w->m.database);
	if (kind == 0) {
		p.since += 1 + below(w, 2);
		p.until = p.since;
	} else if (kind == 1) {
		snprintf(p.database, sizeof(p.database), "stranger");
	} else if (kind < 4) {
		p.reset = true;
		p.since = 0;
		p.until = below(w, 50);
		snprintf(p.database, sizeof(p.database), "%u", below(w, 3));
		p.has_fleet = below(w, 2) == 0; /* without one in it */
	}
	p.more = below(w, 2) == 0;
	for (unsigned i = 0; i < things; i++)
		add_something(w, &p);
	return p;
}

/* ---- what it does to the model ---- */

static size_t
index_of(struct flock_id flock)
{
	size_t i = 0;

	while (ids[i] != flock.value)
		i++;
	return i;
}

static bool
follows(const struct model *m, const struct record_page *p)
{
	if (p->database[0] == '\0') /* as nothing was heard of yet: there is none of that name */
		return false;
	return p->reset || (p->since == m->until && strcmp(p->database, m->database) == 0);
}

static void
begin_sweep(struct model *m)
{
	memset(m->flock_up, 0, sizeof(m->flock_up));
	memset(m->xflock_up, 0, sizeof(m->xflock_up));
	m->fleet_up = false;
	m->sweeping = true;
}

static void
put_things(struct model *m, const struct record_page *p)
{
	for (size_t i = 0; i < p->flock_count; i++) {
		known_put_flock(&m->known, &p->flocks[i]);
		m->flock_up[index_of(p->flocks[i].id)] = true;
	}
	for (size_t i = 0; i < p->xflock_count; i++) {
		const struct record_xflock *x = &p->xflocks[i];

		known_put_xflock(&m->known, x);
		m->xflock_up[index_of(x->a)][index_of(x->b)] = true;
	}
	if (p->has_fleet) {
		known_put_fleet(&m->known, p->fleet, p->fleet_count);
		m->fleet_up = true;
	}
}

static void
drop_with_xflocks(struct model *m, size_t flock)
{
	known_drop_flock(&m->known, (struct flock_id){ ids[flock] });
	for (size_t i = 0; i < FLOCKS; i++) {
		size_t a = i < flock ? i : flock, b = i < flock ? flock : i;

		known_drop_xflock(&m->known, (struct flock_pair){ { ids[a] }, { ids[b] } });
	}
}

static void
end_sweep(struct model *m)
{
	for (size_t a = 0; a < FLOCKS; a++) {
		if (!m->flock_up[a] && known_flock(&m->known, ids[a]) != NULL)
			drop_with_xflocks(m, a);
		for (size_t b = a + 1; b < FLOCKS; b++) {
			if (!m->xflock_up[a][b])
				known_drop_xflock(
				    &m->known, (struct flock_pair){ { ids[a] }, { ids[b] } });
		}
	}
	if (!m->fleet_up)
		known_put_fleet(&m->known, NULL, 0);
	m->sweeping = false;
}

static void
apply(struct model *m, const struct record_page *p)
{
	if (p->reset)
		begin_sweep(m);
	put_things(m, p);
	for (size_t i = 0; i < p->xflock_gone_count; i++)
		known_drop_xflock(&m->known, p->xflocks_gone[i]);
	for (size_t i = 0; i < p->flock_gone_count; i++)
		drop_with_xflocks(m, index_of(p->flocks_gone[i]));
	if (m->sweeping && !p->more)
		end_sweep(m);
	snprintf(m->database, sizeof(m->database), "%s", p->database);
	m->until = p->until;
}

/* ---- both ---- */

static void
assert_state(struct world *w, uint64_t version)
{
	struct registry_db_state s = ends_state(&w->e);
	size_t devices = 0;

	for (size_t i = 0; i < w->m.known.flock_count; i++)
		devices += w->m.known.flocks[i].device_count;
	assert_string_equal(s.database, w->m.database);
	assert_int_equal(s.until, w->m.until);
	assert_int_equal(s.sweeping, w->m.sweeping);
	assert_int_equal(s.version, version);
	assert_int_equal(s.flocks, w->m.known.flock_count);
	assert_int_equal(s.devices, devices);
	assert_int_equal(s.xflocks, w->m.known.xflock_count);
	assert_int_equal(s.cathedrals, w->m.known.fleet_count);
}

static void
read_now(struct world *w, size_t reader)
{
	uint64_t before = w->versions[reader];

	if (!known_read(&w->readers[reader], w->e.reader, &w->versions[reader], &why) ||
	    !known_same(&w->m.known, &w->readers[reader], &why))
		fail_msg("page %u, reader %zu, from %ju: %s", w->pages, reader, (uintmax_t)before,
		    why.text);
	assert_false(registry_db_changed(w->e.reader, w->versions[reader]));
}

static void
read_some(struct world *w)
{
	for (size_t i = 0; i < READERS; i++) {
		if (below(w, 1u << 2 * i) == 0)
			read_now(w, i);
	}
	if (below(w, 10) == 0) {
		size_t i = below(w, READERS);

		w->versions[i] = 0;
		read_now(w, i);
	}
}

static void
put_one(struct world *w)
{
	uint64_t before = ends_state(&w->e).version;
	struct record_page p = random_page(w);
	bool changed, sweeping = w->m.sweeping, good = follows(&w->m, &p);

	if (registry_db_put(w->e.writer, &p, &changed, &w->e.random, &why) != good)
		fail_msg("page %u: %s", w->pages, good ? why.text : "was taken");
	if (good)
		apply(&w->m, &p);
	assert_true(good || !changed);
	w->pages++;
	w->refused += !good;
	w->resets += p.reset;
	w->sweeps += (sweeping || p.reset) && !w->m.sweeping;
	record_page_free(&p);
	assert_state(w, before + changed);
}

static void
all_readers_know_what_the_model_knows(void **state)
{
	static struct world w;

	(void)state;
	memset(&w, 0, sizeof(w));
	random_for_test(&w.random);
	ends_begin(&w.e);
	while (w.pages < PAGES) {
		put_one(&w);
		read_some(&w);
		if (below(&w, 100) == 0) {
			ends_close(&w.e);
			ends_open(&w.e);
		}
	}
	print_message("# %u pages, %u refused, %u beginnings, %u ends of them\n", w.pages,
	    w.refused, w.resets, w.sweeps);
	assert_true(w.refused > 0 && w.resets > w.sweeps && w.sweeps > 0);
	for (size_t i = 0; i < READERS; i++)
		known_free(&w.readers[i]);
	known_free(&w.m.known);
	ends_end(&w.e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_readers_know_what_the_model_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
