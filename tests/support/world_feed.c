/* SPDX-License-Identifier: ISC */
/* A world whose cathedrals hear of everything by registry.db. */
#include "tests/support/feeder.h"
#include "tests/support/world_parts.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world_feed {
	char folder[64], secret[80];
	struct feeder feeder;
};

void
world_follow(struct world *w)
{
	struct world_feed *f = calloc(1, sizeof(*f));
	FILE *file;

	world_must(f != NULL, "memory for a feed");
	strcpy(f->folder, "/tmp/reliquary-world.XXXXXX");
	world_must(mkdtemp(f->folder) != NULL, "a folder");
	snprintf(f->secret, sizeof(f->secret), "%s/secret", f->folder);
	file = fopen(f->secret, "we");
	world_must(file != NULL && fwrite(&w->secret, sizeof(w->secret), 1, file) == 1 &&
		       fclose(file) == 0,
	    "room on disk");
	feeder_open(&f->feeder, f->folder, &w->random);
	w->feed = f;
}

/* ---- what is told ---- */

static struct record_slice
slice_of(const struct registry_ambries *a)
{
	struct record_slice s = { .len = a->size, .in_a = a->bundle.in_a, .in_b = a->bundle.in_b };

	if (!a->present)
		return (struct record_slice){ .len = 0 };
	s.bytes = malloc(s.len);
	world_must(s.bytes != NULL, "memory for a slice");
	memcpy(s.bytes, a->bytes, s.len);
	return s;
}

static void
tell_flock(struct feeder *to, const struct world_flock *f)
{
	struct member members[WORLD_MEMBERS];
	size_t count = 0;

	for (unsigned n = 0; n < f->member_count; n++) {
		const struct world_member *m = &f->members[n];

		if (!m->gone)
			members[count++] =
			    (struct member){ m->id, m->number, m->mbit, m->keys, m->public };
	}
	feeder_flock(to, f->id, members, count, NULL)->slice = slice_of(&f->built->ambries);
}

static void
tell_pair(struct feeder *to, const struct world_pair *p)
{
	const struct registry_xflock *x = p->built;

	feeder_xflock_record(to, x->a->id, x->b->id)->slice = slice_of(&x->ambries);
}

static void
tell_fleet(struct world *w, struct feeder *to)
{
	for (unsigned n = 0; n < w->cathedral_count; n++) {
		const struct world_cathedral *c = &w->cathedrals[n];
		const struct listener *l = &c->options.listeners[0];
		char name[16];

		if (c->gone)
			continue;
		snprintf(name, sizeof(name), "c%u", n);
		feeder_cathedral(to, name, &l->main, l->shrouded)->draining = c->draining;
	}
	to->page.has_fleet = true;
}

/* All there is, each time: what is as it was is no change. */
void
world_feed_tell(struct world *w)
{
	struct feeder *to = &w->feed->feeder;

	world_build(w);
	feeder_reset(to);
	for (unsigned n = 0; n < w->flock_count; n++)
		tell_flock(to, &w->flocks[n]);
	for (unsigned n = 0; n < w->pair_count; n++)
		if (!w->pairs[n].cut)
			tell_pair(to, &w->pairs[n]);
	tell_fleet(w, to);
	feeder_put(to);
}

/* ---- what is heard ---- */

struct registry *
world_feed_registry(struct world *w, unsigned cathedral, const struct registry *old,
    struct registry_touched *touched)
{
	struct world_cathedral *c = &w->cathedrals[cathedral];
	struct endpoint own[LISTENERS_MAX];
	struct registry_source source = {
		.federation = w->feed->secret, .own = own, .own_count = c->options.listener_count
	};
	struct registry *empty = NULL, *r;
	struct fault why = { "" };

	for (size_t n = 0; n < source.own_count; n++)
		own[n] = c->options.listeners[n].main;
	source.hash = hash_key_new(&w->random);
	if (c->follow == NULL)
		c->follow = follow_create(w->feed->feeder.path, w->feed->feeder.key);
	if (old == NULL)
		old = empty = registry_empty(source.hash);
	world_must(c->follow != NULL && old != NULL, "memory for a registry");
	world_feed_tell(w);
	r = follow_load(c->follow, &source, old, touched, &why);
	registry_free(empty);
	world_must(r != NULL, why.text);
	return r;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
world_feed_end(struct world *w)
{
	if (w->feed == NULL)
		return;
	feeder_close(&w->feed->feeder);
	nftw(w->feed->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(w->feed);
}
