/* SPDX-License-Identifier: ISC */
#include "tests/support/pages.h"

#include "tests/support/children.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record_page
page_from(uint64_t since, uint64_t until)
{
	return (struct record_page){ .database = "one", .since = since, .until = until };
}

struct record_page
page_reset(uint64_t until)
{
	return (struct record_page){ .database = "one", .until = until, .reset = true };
}

/* Room for one more behind those that are there, zeroed. */
static void *
one_more(void *records, size_t size, size_t *count)
{
	char *grown = realloc(records, (*count + 1) * size);

	if (grown == NULL)
		bench_give_up("memory");
	memset(grown + *count * size, 0, size);
	++*count;
	return grown;
}

/* Bytes that follow from numbers. */
static void
bytes_of(uint8_t *out, size_t len, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t names[4] = { a, b, c, len };
	uint8_t seed[randombytes_SEEDBYTES];

	crypto_generichash(seed, sizeof(seed), (const uint8_t *)names, sizeof(names), NULL, 0);
	randombytes_buf_deterministic(out, len, seed);
}

static void
fill_slice(struct record_slice *s, uint64_t name, unsigned what)
{
	s->len = what % 5 == 0 ? 0 : 100 + what % 7000;
	if (s->len == 0)
		return;
	s->bytes = malloc(s->len);
	if (s->bytes == NULL)
		bench_give_up("memory");
	bytes_of(s->bytes, s->len, name, what, 3);
}

struct cathedral_secret
page_secret(uint64_t flock, unsigned kek, unsigned what)
{
	struct cathedral_secret cs;

	bytes_of(cs.bytes, sizeof(cs.bytes), flock, kek, what);
	return cs;
}

static void
fill_device(struct record_device *d, uint64_t flock, unsigned kek, unsigned what)
{
	uint8_t id[4];

	d->kek = (uint8_t)kek;
	/* Numbers of each its own, over all 32 bits. */
	d->id.value = (uint32_t)kek * UINT32_C(0x9e3779b1) + what;
	bytes_of(id, sizeof(id), flock, kek, 1000 + what);
	d->mbit = what % 3 == 0 ? 0 : (uint32_t)id[0] << 24 | id[1];
	d->cs = page_secret(flock, kek, what);
	bytes_of(d->cosk.bytes, sizeof(d->cosk.bytes), flock, kek, 2000 + what);
}

struct record_flock *
page_add_flock(struct record_page *p, uint64_t id, unsigned devices, unsigned what)
{
	struct record_flock *f;

	p->flocks = one_more(p->flocks, sizeof(p->flocks[0]), &p->flock_count);
	f = &p->flocks[p->flock_count - 1];
	f->id.value = id;
	f->devices = calloc(devices + 1, sizeof(f->devices[0]));
	if (f->devices == NULL)
		bench_give_up("memory");
	f->device_count = devices;
	for (unsigned i = 0; i < devices; i++) {
		fill_device(&f->devices[i], id, i + 1, what);
		kek_set_add(&f->slice.in_a, (uint8_t)(i + 1));
	}
	f->slice.in_b = f->slice.in_a;
	fill_slice(&f->slice, id, what);
	return f;
}

struct record_xflock *
page_add_xflock(struct record_page *p, uint64_t a, uint64_t b, unsigned what)
{
	struct record_xflock *x;

	p->xflocks = one_more(p->xflocks, sizeof(p->xflocks[0]), &p->xflock_count);
	x = &p->xflocks[p->xflock_count - 1];
	x->a.value = a;
	x->b.value = b;
	kek_set_add(&x->slice.in_a, (uint8_t)(1 + what % 255));
	kek_set_add(&x->slice.in_b, (uint8_t)(1 + what * 7 % 255));
	fill_slice(&x->slice, a ^ b << 1, what);
	return x;
}

void
page_add_flock_gone(struct record_page *p, uint64_t id)
{
	p->flocks_gone = one_more(p->flocks_gone, sizeof(p->flocks_gone[0]), &p->flock_gone_count);
	p->flocks_gone[p->flock_gone_count - 1].value = id;
}

void
page_add_xflock_gone(struct record_page *p, uint64_t a, uint64_t b)
{
	p->xflocks_gone =
	    one_more(p->xflocks_gone, sizeof(p->xflocks_gone[0]), &p->xflock_gone_count);
	p->xflocks_gone[p->xflock_gone_count - 1] = (struct flock_pair){ { a }, { b } };
}

struct record_cathedral *
page_add_cathedral(struct record_page *p, const char *name, unsigned what)
{
	struct record_cathedral *c;

	p->has_fleet = true;
	p->fleet = one_more(p->fleet, sizeof(p->fleet[0]), &p->fleet_count);
	c = &p->fleet[p->fleet_count - 1];
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->region, sizeof(c->region), "region-%u", what % 4);
	bytes_of(c->at.ip, sizeof(c->at.ip), what, 1, 1);
	c->at.port = (uint16_t)(1 + what);
	c->nat_port = (uint16_t)(what % 2 == 0 ? 0 : 2 + what);
	c->shroud = what % 3 == 0;
	c->draining = what % 4 == 0;
	return c;
}
