/* SPDX-License-Identifier: ISC */
/*
 * test-registrar SETTINGS SECRETDIR REGISTRY: writes what settings say to a registry.db, as
 * cathedral-sync would when the service told all there is.  Prints "changed" or "unchanged".
 */
#include "cathedral/state/registry.h"
#include "protocol/crypto/secret.h"
#include "registry/registry_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
give_up(const char *why)
{
	fprintf(stderr, "test-registrar: %s\n", why);
	exit(EXIT_FAILURE);
}

static void *
one_more(void *list, size_t size, size_t *count)
{
	char *longer = reallocarray(list, *count + 1, size);

	if (longer == NULL)
		give_up("out of memory");
	memset(longer + *count * size, 0, size);
	++*count;
	return longer;
}

static struct record_slice
slice_of(const struct registry_ambries *a)
{
	struct record_slice s = { .len = a->size, .in_a = a->bundle.in_a, .in_b = a->bundle.in_b };

	if (!a->present)
		return (struct record_slice){ .len = 0 };
	s.bytes = malloc(s.len);
	if (s.bytes == NULL)
		give_up("out of memory");
	memcpy(s.bytes, a->bytes, s.len);
	return s;
}

/* Devices of a flock come one after the other. */
static void
add_device(struct record_page *page, const struct party *p)
{
	const struct registry_device *d = p->device;
	struct record_flock *f = NULL;

	if (page->flock_count > 0)
		f = &page->flocks[page->flock_count - 1];
	if (f == NULL || !flock_equal(f->id, p->flock->id)) {
		page->flocks = one_more(page->flocks, sizeof(*f), &page->flock_count);
		f = &page->flocks[page->flock_count - 1];
		f->id = p->flock->id;
		f->slice = slice_of(p->ambries);
	}
	f->devices = one_more(f->devices, sizeof(*f->devices), &f->device_count);
	f->devices[f->device_count - 1] =
	    (struct record_device){ d->id, d->kek_number, d->mbit, d->cs, d->cosk };
}

static void
add_xflock(struct record_page *page, const struct party *p, struct flock_id other)
{
	struct record_xflock *last = NULL, *x;

	if (page->xflock_count > 0)
		last = &page->xflocks[page->xflock_count - 1];
	/* From the lower side, with its first device. */
	if (p->flock->id.value > other.value ||
	    (last != NULL && flock_equal(last->a, p->flock->id) && flock_equal(last->b, other)))
		return;
	page->xflocks = one_more(page->xflocks, sizeof(*x), &page->xflock_count);
	x = &page->xflocks[page->xflock_count - 1];
	x->a = p->flock->id;
	x->b = other;
	x->slice = slice_of(p->ambries);
}

static bool
add(const struct party *p, struct flock_id other, void *arg)
{
	if (flock_equal(p->flock->id, other))
		add_device(arg, p);
	else
		add_xflock(arg, p, other);
	return true;
}

static void
add_cathedrals(struct record_page *page, const struct registry *r)
{
	size_t count;
	const struct registry_peer *peers = registry_peers(r, &count);

	page->has_fleet = true;
	for (size_t n = 0; n < count; n++) {
		struct record_cathedral *c;

		page->fleet = one_more(page->fleet, sizeof(*c), &page->fleet_count);
		c = &page->fleet[n];
		snprintf(c->name, sizeof(c->name), "c%zu", n);
		strcpy(c->region, "here");
		c->at = peers[n].at;
		c->shroud = true;
	}
}

static bool
put(const char *path, struct record_page *page, struct random *r, struct fault *why)
{
	char key[4096];
	struct registry_db_options options = { .path = path, .key = key };
	struct registry_db_state state;
	struct registry_db *db;
	bool changed;

	snprintf(key, sizeof(key), "%s.key", path);
	db = registry_db_create(&options, r, why);
	if (db == NULL || !registry_db_state(db, &state, why))
		give_up(why->text);
	strcpy(page->database, "test");
	page->until = state.until + 1;
	page->reset = true;
	if (!registry_db_put(db, page, &changed, r, why))
		give_up(why->text);
	registry_db_close(db);
	return changed;
}

int
main(int argc, char **argv)
{
	const struct federation_secret none = { { 0 } };
	char secret[] = "/tmp/registrar.XXXXXX";
	struct registry_source source = { .federation = secret };
	struct record_page page = { .more = false };
	struct random random;
	struct registry *r;
	struct fault why;
	FILE *file;
	int fd;

	if (argc != 4)
		give_up("SETTINGS SECRETDIR REGISTRY");
	/* Settings with other cathedrals are not loaded without one. */
	fd = mkstemp(secret);
	file = fd == -1 ? NULL : fdopen(fd, "w");
	if (file == NULL || fwrite(&none, sizeof(none), 1, file) != 1 || fclose(file) == EOF)
		give_up(secret);
	random_from_system(&random);
	source.settings = argv[1];
	source.secretdir = argv[2];
	source.hash = hash_key_new(&random);
	r = registry_load(&source, NULL, &why);
	remove(secret);
	if (r == NULL)
		give_up(why.text);
	registry_each_shroud(r, add, &page);
	add_cathedrals(&page, r);
	puts(put(argv[3], &page, &random, &why) ? "changed" : "unchanged");
	record_page_free(&page);
	registry_free(r);
	return EXIT_SUCCESS;
}
