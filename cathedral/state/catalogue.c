/* SPDX-License-Identifier: ISC */
#include "cathedral/state/catalogue.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * Pages of buckets of entries.  Pages and buckets count the tables they are in: those of one table
 * alone may be changed where they are, all others are copied first.  Nobody but the one thread that
 * changes tables reads or writes these counts.
 */
#define PAGE_BITS   6
#define PAGE_SIZE   ((size_t)1 << PAGE_BITS)
#define BUCKET_FULL 6 /* entries a bucket, on average, when it is time to grow */

struct entry {
	struct flock_id a, b;
	void *item;
};

struct bucket {
	uint32_t references;
	uint32_t count; /* never 0: an empty one is none */
	struct entry entries[];
};

struct page {
	unsigned references;
	struct bucket *buckets[PAGE_SIZE];
};

struct catalogue {
	const struct catalogue_kind *kind;
	struct hash_key hash;
	size_t count, page_mask;
	struct page **pages; /* NULL: nothing is in it */
};

/* Where something is, or would be. */
struct place {
	size_t page, bucket;
};

static struct place
place_of(const struct catalogue *c, struct flock_id a, struct flock_id b)
{
	const struct flock_id name[] = { a, b };
	uint64_t hash = seeded_hash(&c->hash, name, flock_equal(a, b) ? sizeof(a) : sizeof(name));

	return (struct place){ (size_t)(hash >> PAGE_BITS) & c->page_mask,
		(size_t)hash & (PAGE_SIZE - 1) };
}

static bool
is_named(const struct entry *e, struct flock_id a, struct flock_id b)
{
	return flock_equal(e->a, a) && flock_equal(e->b, b);
}

/* ---- making and freeing ---- */

static struct catalogue *
create_with_pages(const struct catalogue_kind *kind, struct hash_key hash, size_t pages)
{
	struct catalogue *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->kind = kind;
	c->hash = hash;
	c->page_mask = pages - 1;
	c->pages = calloc(pages, sizeof(c->pages[0]));
	if (c->pages == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

struct catalogue *
catalogue_create(const struct catalogue_kind *kind, struct hash_key hash, size_t expected)
{
	size_t pages = 1;

	while (pages * PAGE_SIZE * BUCKET_FULL < expected)
		pages *= 2;
	return create_with_pages(kind, hash, pages);
}

struct catalogue *
catalogue_copy(const struct catalogue *c)
{
	struct catalogue *copy = create_with_pages(c->kind, c->hash, c->page_mask + 1);

	if (copy == NULL)
		return NULL;
	copy->count = c->count;
	memcpy(copy->pages, c->pages, (c->page_mask + 1) * sizeof(c->pages[0]));
	for (size_t n = 0; n <= copy->page_mask; n++) {
		if (copy->pages[n] != NULL)
			copy->pages[n]->references++;
	}
	return copy;
}

static void
bucket_release(const struct catalogue *c, struct bucket *b)
{
	if (b == NULL || --b->references > 0)
		return;
	for (size_t n = 0; n < b->count; n++)
		c->kind->release(b->entries[n].item);
	free(b);
}

static void
page_release(const struct catalogue *c, struct page *p)
{
	if (p == NULL || --p->references > 0)
		return;
	for (size_t n = 0; n < PAGE_SIZE; n++)
		bucket_release(c, p->buckets[n]);
	free(p);
}

void
catalogue_free(struct catalogue *c)
{
	if (c == NULL)
		return;
	for (size_t n = 0; n <= c->page_mask; n++)
		page_release(c, c->pages[n]);
	free(c->pages);
	free(c);
}

/* ---- looking ---- */

static const struct entry *
bucket_find(const struct bucket *b, struct flock_id a, struct flock_id other)
{
	for (size_t n = 0; b != NULL && n < b->count; n++) {
		if (is_named(&b->entries[n], a, other))
			return &b->entries[n];
	}
	return NULL;
}

void *
catalogue_find(const struct catalogue *c, struct flock_id a, struct flock_id b)
{
	struct place at = place_of(c, a, b);
	const struct page *p = c->pages[at.page];
	const struct entry *e = p == NULL ? NULL : bucket_find(p->buckets[at.bucket], a, b);

	return e == NULL ? NULL : e->item;
}

size_t
catalogue_count(const struct catalogue *c)
{
	return c->count;
}

static bool
each_in_page(const struct page *p, catalogue_visit *visit, void *arg)
{
	for (size_t i = 0; p != NULL && i < PAGE_SIZE; i++) {
		const struct bucket *b = p->buckets[i];

		for (size_t n = 0; b != NULL && n < b->count; n++) {
			if (!visit(b->entries[n].item, arg))
				return false;
		}
	}
	return true;
}

bool
catalogue_each(const struct catalogue *c, catalogue_visit *visit, void *arg)
{
	for (size_t n = 0; n <= c->page_mask; n++) {
		if (!each_in_page(c->pages[n], visit, arg))
			return false;
	}
	return true;
}

/* ---- changing ---- */

/* The page, this table's alone from now on. */
static struct page *
own_page(struct catalogue *c, size_t at)
{
	struct page *shared = c->pages[at], *own = shared;

	if (own != NULL && own->references == 1)
		return own;
	own = calloc(1, sizeof(*own));
	if (own == NULL)
		return NULL;
	own->references = 1;
	if (shared != NULL) {
		memcpy(own->buckets, shared->buckets, sizeof(own->buckets));
		shared->references--;
	}
	for (size_t n = 0; n < PAGE_SIZE; n++) {
		if (own->buckets[n] != NULL)
			own->buckets[n]->references++;
	}
	c->pages[at] = own;
	return own;
}

/* The bucket, this page's alone from now on, with room for one more if so wanted. */
static struct bucket *
own_bucket(struct catalogue *c, struct bucket **at, bool one_more)
{
	struct bucket *old = *at, *own;
	uint32_t count = old == NULL ? 0 : old->count;
	size_t size = sizeof(*own) + (count + one_more) * sizeof(own->entries[0]);

	if (old != NULL && old->references == 1) {
		own = one_more ? realloc(old, size) : old;
		if (own != NULL)
			*at = own;
		return own;
	}
	own = malloc(size);
	if (own == NULL)
		return NULL;
	own->references = 1;
	own->count = count;
	for (size_t n = 0; n < count; n++) {
		own->entries[n] = old->entries[n];
		c->kind->keep(own->entries[n].item);
	}
	if (old != NULL)
		old->references--;
	*at = own;
	return own;
}

static bool
add(struct catalogue *c, const struct entry *e)
{
	struct place at = place_of(c, e->a, e->b);
	struct page *p = own_page(c, at.page);
	struct bucket *b;
	size_t count, n;

	if (p == NULL)
		return false;
	b = p->buckets[at.bucket];
	count = b == NULL ? 0 : b->count;
	for (n = 0; n < count && !is_named(&b->entries[n], e->a, e->b); n++)
		;
	b = own_bucket(c, &p->buckets[at.bucket], n == count);
	if (b == NULL)
		return false;
	if (n < count) {
		c->kind->release(b->entries[n].item);
	} else {
		b->count++;
		c->count++;
	}
	b->entries[n] = *e;
	return true;
}

static bool
move_page(struct catalogue *wider, const struct page *p)
{
	for (size_t i = 0; p != NULL && i < PAGE_SIZE; i++) {
		const struct bucket *b = p->buckets[i];

		for (size_t n = 0; b != NULL && n < b->count; n++) {
			if (!add(wider, &b->entries[n]))
				return false;
			wider->kind->keep(b->entries[n].item);
		}
	}
	return true;
}

/* Twice as many pages.  Without the memory for it the buckets get longer, and that is all. */
static void
grow(struct catalogue *c)
{
	struct catalogue old = *c, *wider;
	bool ok = true;

	wider = create_with_pages(c->kind, c->hash, 2 * (c->page_mask + 1));
	if (wider == NULL)
		return;
	for (size_t n = 0; ok && n <= c->page_mask; n++)
		ok = move_page(wider, c->pages[n]);
	if (ok) {
		*c = *wider;
		*wider = old;
	}
	catalogue_free(wider);
}

bool
catalogue_put(struct catalogue *c, struct flock_id a, struct flock_id b, void *item)
{
	const struct entry e = { a, b, item };

	if (c->count >= (c->page_mask + 1) * PAGE_SIZE * BUCKET_FULL)
		grow(c);
	return add(c, &e);
}

bool
catalogue_remove(struct catalogue *c, struct flock_id a, struct flock_id b)
{
	struct place at = place_of(c, a, b);
	struct bucket *bucket;
	struct page *p;
	size_t n = 0;

	if (catalogue_find(c, a, b) == NULL)
		return true;
	p = own_page(c, at.page);
	if (p == NULL)
		return false;
	bucket = own_bucket(c, &p->buckets[at.bucket], false);
	if (bucket == NULL)
		return false;
	while (!is_named(&bucket->entries[n], a, b))
		n++;
	c->count--;
	if (bucket->count == 1) {
		p->buckets[at.bucket] = NULL;
		bucket_release(c, bucket);
		return true;
	}
	c->kind->release(bucket->entries[n].item);
	bucket->entries[n] = bucket->entries[--bucket->count];
	return true;
}
