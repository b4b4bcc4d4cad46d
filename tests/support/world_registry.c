/* SPDX-License-Identifier: ISC */
/* Flocks, their members and bundles, and the registries made of them. */
#include "tests/support/world_parts.h"

#include "protocol/crypto/kdf.h"
#include "protocol/crypto/sign.h"
#include "protocol/wire/bundle.h"
#include "protocol/wrapping.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t flock_ids[WORLD_FLOCKS] = { 0xcafeba00, 0xdecade00, 0x00000100,
	0xfeedfacecafe0000 };

unsigned
world_add_flock(struct world *w)
{
	struct world_flock *f = &w->flocks[w->flock_count];

	world_must(w->flock_count < WORLD_FLOCKS, "a place for one more flock");
	f->id.value = flock_ids[w->flock_count];
	f->changed = true;
	world_renew(w, w->flock_count, 30);
	return w->flock_count++;
}

unsigned
world_add_member(struct world *w, unsigned flock, uint8_t number, uint32_t mbit)
{
	struct world_flock *f = &w->flocks[flock];
	struct world_member *m = &f->members[f->member_count];
	uint8_t seed[32];

	world_must(f->member_count < WORLD_MEMBERS, "a place for one more member");
	random_bytes(&w->random, &m->keys, sizeof(m->keys));
	random_bytes(&w->random, seed, sizeof(seed));
	sign_key_pair(&m->keys.cosk, &m->public, seed);
	m->keys.has_kek = true;
	m->id.value = (uint32_t)(random_u64(&w->random) << 8) | number;
	m->number = number;
	m->mbit = mbit;
	world_touch(w, flock);
	return f->member_count++;
}

unsigned
world_add_pair(struct world *w, unsigned a, unsigned b)
{
	struct world_pair *p = &w->pairs[w->pair_count];

	world_must(w->pair_count < WORLD_PAIRS, "a place for one more pair");
	p->a = a;
	p->b = b;
	world_renew_pair(w, w->pair_count, 30);
	return w->pair_count++;
}

static void
renew(struct world *w, struct world_bundle *b, int days)
{
	int64_t today = (w->wall_s + (int64_t)(w->now_ns / NS_PER_S) - AMBRY_EPOCH) / AMBRY_DAY;

	b->present = true;
	b->head.expires = (uint16_t)(today + days);
	b->head.generation = (uint32_t)random_u64(&w->random) | 1;
	random_bytes(&w->random, b->head.seed, sizeof(b->head.seed));
	random_bytes(&w->random, b->seed, sizeof(b->seed));
}

void
world_renew(struct world *w, unsigned flock, int days)
{
	renew(w, &w->flocks[flock].bundle, days);
	w->flocks[flock].changed = true;
}

void
world_renew_pair(struct world *w, unsigned pair, int days)
{
	renew(w, &w->pairs[pair].bundle, days);
	w->pairs[pair].changed = true;
}

void
world_touch(struct world *w, unsigned flock)
{
	w->flocks[flock].changed = true;
	for (unsigned n = 0; n < w->pair_count; n++)
		if (w->pairs[n].a == flock || w->pairs[n].b == flock)
			w->pairs[n].changed = true;
}

/* ---- bundles ---- */

/* Both ends of a tunnel, by flock and number. */
struct two_ends {
	struct flock_id flock[2];
	uint8_t number[2];
};

/* The same whichever end comes first. */
static struct tunnel_secret
secret_between(const struct world_bundle *b, const struct two_ends *ends)
{
	uint8_t input[2][9];
	struct tunnel_secret secret;

	memset(input, 0, sizeof(input));
	for (unsigned n = 0; n < 2; n++) {
		memcpy(input[n], &ends->flock[n].value, 8);
		input[n][8] = ends->number[n];
	}
	if (memcmp(input[0], input[1], sizeof(input[0])) > 0) {
		uint8_t first[9];

		memcpy(first, input[1], sizeof(first));
		memcpy(input[1], input[0], sizeof(first));
		memcpy(input[0], first, sizeof(first));
	}
	crypto_generichash(
	    secret.bytes, sizeof(secret.bytes), input[0], sizeof(input), b->seed, sizeof(b->seed));
	return secret;
}

static size_t
whole_size(bool one)
{
	return one ? BUNDLE_ONE_FLOCK_SIZE : BUNDLE_TWO_FLOCKS_SIZE;
}

/* Flocks and tunnels of a whole bundle, in order; keys and tags are zero. */
static void
write_places(uint8_t *at, struct flock_id a, struct flock_id b)
{
	bool one = flock_equal(a, b);
	struct bundle_entry there = { .flock = a }, back = { .flock = b };

	for (unsigned x = 1; x <= 255; x++) {
		for (unsigned y = one ? x + 1 : 1; y <= 255; y++) {
			there.tunnel = tunnel_between((uint8_t)x, (uint8_t)y);
			back.tunnel = tunnel_reverse(there.tunnel);
			bundle_entry_encode(&there, at);
			bundle_entry_encode(&back, at + BUNDLE_ENTRY_SIZE);
			at += 2 * BUNDLE_ENTRY_SIZE;
		}
	}
}

/*
 * A whole bundle without head and secrets.  Made once in a program for each pair of flocks: bundles
 * differ in the few entries between members, and those are written anew each time.
 */
static uint8_t *
blank_bundle(struct flock_id a, struct flock_id b)
{
	static struct {
		struct flock_id a, b;
		uint8_t *bytes;
	} made[WORLD_FLOCKS + WORLD_FLOCKS * WORLD_FLOCKS];
	size_t n = 0;

	while (made[n].bytes != NULL && !(flock_equal(made[n].a, a) && flock_equal(made[n].b, b)))
		n++;
	if (made[n].bytes == NULL) {
		made[n].a = a;
		made[n].b = b;
		made[n].bytes = calloc(1, whole_size(flock_equal(a, b)));
		world_must(made[n].bytes != NULL, "memory for a bundle");
		write_places(made[n].bytes + BUNDLE_HEAD_SIZE, a, b);
	}
	return made[n].bytes;
}

/* Whether its number has passed to another. */
static bool
is_replaced(const struct world_flock *f, const struct world_member *m)
{
	for (unsigned n = 0; m->gone && n < f->member_count; n++)
		if (!f->members[n].gone && f->members[n].number == m->number)
			return true;
	return false;
}

/* Writes the ambry of member x of flock f for its tunnel with member y of flock g. */
static void
write_ambry(uint8_t *bytes, const struct world_bundle *b, const struct bundle *places,
    const struct world_flock *const flocks[static 2],
    const struct world_member *const ends[static 2])
{
	struct two_ends two = { { flocks[0]->id, flocks[1]->id },
		{ ends[0]->number, ends[1]->number } };
	struct ambry_place place = {
		.flock_src = flocks[0]->id,
		.flock_dst = flocks[1]->id,
		.tunnel = tunnel_between(ends[0]->number, ends[1]->number),
	};
	struct bundle_entry entry = { .flock = flocks[0]->id, .tunnel = place.tunnel };
	struct tunnel_secret secret = secret_between(b, &two);
	struct kek_unwrap_key k1;
	size_t n;

	if (is_replaced(flocks[0], ends[0]) ||
	    !bundle_place(places, flocks[0]->id, place.tunnel, &n))
		return; /* or a member and itself */
	kek_unwrap_key_derive(&k1, &ends[0]->keys.kek, flocks[0]->id, flocks[1]->id);
	ambry_wrap(entry.key, entry.tag, &secret, &k1, &b->head, &place);
	bundle_entry_encode(&entry, bytes + BUNDLE_HEAD_SIZE + n * BUNDLE_ENTRY_SIZE);
}

/* The whole bundle between x and y (the same for one flock); borrowed until the next call. */
static const uint8_t *
write_bundle(const struct world_bundle *b, const struct world_flock *x, const struct world_flock *y)
{
	struct bundle places = {
		.a = x->id, .b = y->id, .in_a = kek_set_all(), .in_b = kek_set_all()
	};
	uint8_t *bytes = blank_bundle(x->id, y->id);

	bundle_head_encode(&b->head, bytes);
	for (unsigned i = 0; i < x->member_count; i++) {
		for (unsigned j = 0; j < y->member_count; j++) {
			const struct world_flock *const flocks[] = { x, y }, *const back[] = { y,
				x };
			const struct world_member *const ends[] = { &x->members[i],
				&y->members[j] };
			const struct world_member *const other[] = { ends[1], ends[0] };

			write_ambry(bytes, b, &places, flocks, ends);
			if (x != y)
				write_ambry(bytes, b, &places, back, other);
		}
	}
	return bytes;
}

/* ---- registries ---- */

/* Most of a bundle stays on disk, for tunnels to numbers that nobody has yet. */
static void
keep_on_disk(struct registry_flock *built, const char *path, const uint8_t *bundle)
{
	const struct file_mark unmarked = { 0 };
	FILE *file = fopen(path, "we");

	world_must(file != NULL &&
		       fwrite(bundle, 1, BUNDLE_ONE_FLOCK_SIZE, file) == BUNDLE_ONE_FLOCK_SIZE &&
		       fclose(file) == 0,
	    "room on disk for a bundle");
	registry_ambries_on_disk(&built->ambries, path, &unmarked);
	world_must(built->ambries.file != NULL, "memory for a name");
}

static void
build_flock(struct world_flock *f)
{
	struct registry_spec_device devices[WORLD_MEMBERS];
	size_t count = 0;
	struct fault why;

	registry_flock_release(f->built);
	for (unsigned n = 0; n < f->member_count; n++) {
		const struct world_member *m = &f->members[n];

		if (!m->gone)
			devices[count++] = (struct registry_spec_device){ m->id, m->number, m->mbit,
				m->keys.cs, m->public };
	}
	f->built = registry_flock_create(f->id, devices, count);
	world_must(f->built != NULL, "a flock that can be built");
	if (f->bundle.present) {
		const uint8_t *bundle = write_bundle(&f->bundle, f, f);

		world_must(
		    registry_flock_set_ambries(f->built, bundle, BUNDLE_ONE_FLOCK_SIZE, &why),
		    "a bundle of one flock that is whole");
		if (f->bundle_path != NULL)
			keep_on_disk(f->built, f->bundle_path, bundle);
	}
	f->changed = false;
}

static void
build_pair(struct world *w, struct world_pair *p)
{
	struct world_flock *a = &w->flocks[p->a], *b = &w->flocks[p->b];
	struct fault why;

	registry_xflock_release(p->built);
	p->built = registry_xflock_create(a->built, b->built);
	world_must(p->built != NULL, "a pair that can be built");
	if (p->bundle.present)
		world_must(registry_xflock_set_ambries(p->built, write_bundle(&p->bundle, a, b),
			       BUNDLE_TWO_FLOCKS_SIZE, &why),
		    "a bundle of two flocks that is whole");
	p->changed = false;
}

/* A pair knows its flocks by where they are: one of them built anew makes it out of date. */
static bool
is_stale(const struct world *w, const struct world_pair *p)
{
	const struct registry_flock *a = w->flocks[p->a].built, *b = w->flocks[p->b].built;

	return p->changed || p->built == NULL || (p->built->a != a && p->built->b != a) ||
	       (p->built->a != b && p->built->b != b);
}

void
world_build(struct world *w)
{
	for (unsigned n = 0; n < w->flock_count; n++)
		if (w->flocks[n].changed)
			build_flock(&w->flocks[n]);
	for (unsigned n = 0; n < w->pair_count; n++)
		if (is_stale(w, &w->pairs[n]))
			build_pair(w, &w->pairs[n]);
}

/* The first port of each kind of listener, as the settings' "clear" and "shroud" give them. */
static uint16_t
port_of_kind(const struct world_cathedral *c, bool shrouded)
{
	for (size_t n = 0; n < c->options.listener_count; n++)
		if (c->options.listeners[n].shrouded == shrouded &&
		    endpoint_is_ipv4(&c->options.listeners[n].main))
			return c->options.listeners[n].main.port;
	return 0;
}

static size_t
list_peers(const struct world *w, unsigned cathedral, struct settings_peer *peers)
{
	size_t count = 0;

	if (w->cathedrals[cathedral].alone)
		return 0;
	for (unsigned n = 0; n < w->cathedral_count; n++) {
		const struct world_cathedral *c = &w->cathedrals[n];

		if (n == cathedral || c->alone)
			continue;
		peers[count++] = (struct settings_peer){
			.at = c->options.listeners[0].main,
			.clear_port = port_of_kind(c, false),
			.shroud_port = port_of_kind(c, true),
		};
	}
	return count;
}

/* What a cathedral with budgets counts in its flocks is its own: nobody else gets them. */
static void
own_parts(struct world *w, unsigned cathedral)
{
	const struct site_options *o = &w->cathedrals[cathedral].options;

	if (o->budget_month == 0 && o->flock_budget_month == 0)
		return;
	for (unsigned n = 0; n < w->flock_count; n++)
		world_touch(w, n);
}

struct registry *
world_registry(struct world *w, unsigned cathedral, const struct registry *old)
{
	struct registry_flock *flocks[WORLD_FLOCKS];
	struct registry_xflock *pairs[WORLD_PAIRS];
	struct settings_peer peers[WORLD_CATHEDRALS];
	struct registry_parts parts = {
		.flocks = flocks,
		.xflocks = pairs,
		.peers = peers,
		.peer_count = list_peers(w, cathedral, peers),
		.secret = &w->secret,
		.hash = hash_key_new(&w->random),
	};
	struct registry *r;

	/* One thread has them all, so cathedrals may share the parts; not those it counts in. */
	own_parts(w, cathedral);
	world_build(w);
	for (unsigned n = 0; n < w->flock_count; n++) {
		flocks[parts.flock_count++] = w->flocks[n].built;
		w->flocks[n].built->references++;
	}
	for (unsigned n = 0; n < w->pair_count; n++) {
		if (w->pairs[n].cut)
			continue;
		pairs[parts.xflock_count++] = w->pairs[n].built;
		w->pairs[n].built->references++;
	}
	r = registry_create(&parts, old);
	world_must(r != NULL, "a registry");
	own_parts(w, cathedral);
	return r;
}

void
world_registry_free(struct world *w)
{
	for (unsigned n = 0; n < w->pair_count; n++)
		registry_xflock_release(w->pairs[n].built);
	for (unsigned n = 0; n < w->flock_count; n++)
		registry_flock_release(w->flocks[n].built);
}

/* ---- looking ---- */

static const struct world_bundle *
bundle_between(const struct world *w, struct flock_id a, struct flock_id b)
{
	for (unsigned n = 0; n < w->flock_count; n++)
		if (flock_equal(a, b) && flock_equal(w->flocks[n].id, a))
			return &w->flocks[n].bundle;
	for (unsigned n = 0; n < w->pair_count; n++) {
		struct flock_id x = w->flocks[w->pairs[n].a].id, y = w->flocks[w->pairs[n].b].id;

		if ((flock_equal(x, a) && flock_equal(y, b)) ||
		    (flock_equal(x, b) && flock_equal(y, a)))
			return &w->pairs[n].bundle;
	}
	return NULL;
}

static const struct world_bundle *
bundle_of(const struct world *w, unsigned device)
{
	const struct device_config *c = &w->devices[device].d.config;

	return bundle_between(w, flock_base(c->flock), flock_base(c->flock_dst));
}

uint32_t
world_current_generation(const struct world *w, unsigned device)
{
	const struct world_bundle *b = bundle_of(w, device);

	return b == NULL || !b->present ? 0 : b->head.generation;
}

bool
world_current_secret(const struct world *w, unsigned device, struct tunnel_secret *ret)
{
	const struct device_config *c = &w->devices[device].d.config;
	const struct world_bundle *b = bundle_of(w, device);
	struct two_ends two = { { flock_base(c->flock), flock_base(c->flock_dst) },
		{ tunnel_own(c->tunnel), tunnel_peer(c->tunnel) } };

	if (b == NULL || !b->present)
		return false;
	*ret = secret_between(b, &two);
	return true;
}
