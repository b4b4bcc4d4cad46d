/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/sources.h"

#include "base/seeded_hash.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * Slots for each connection.  All connections there are, spread over as many sources as the limit
 * makes necessary, fill at most one slot in SPARE * most: so likely is it to be shut out by others.
 */
#define SPARE 4

struct sources {
	struct hash_key hash;
	size_t mask;
	unsigned most;
	uint32_t counts[];
};

struct sources *
sources_create(unsigned connections, unsigned most, struct random *random)
{
	struct sources *s;
	size_t slots = 64;

	while (slots < (size_t)SPARE * connections)
		slots *= 2;
	s = calloc(1, sizeof(*s) + slots * sizeof(s->counts[0]));
	if (s == NULL)
		return NULL;
	s->hash = hash_key_new(random);
	s->mask = slots - 1;
	s->most = most;
	return s;
}

void
sources_destroy(struct sources *s)
{
	free(s);
}

static uint32_t *
slot(struct sources *s, const struct endpoint *who)
{
	uint8_t source[16];

	endpoint_source(who, source);
	return &s->counts[seeded_hash(&s->hash, source, sizeof(source)) & s->mask];
}

bool
sources_enter(struct sources *s, const struct endpoint *who)
{
	uint32_t *count = slot(s, who);

	if (s->most > 0 && *count >= s->most)
		return false;
	++*count;
	return true;
}

void
sources_leave(struct sources *s, const struct endpoint *who)
{
	uint32_t *count = slot(s, who);

	assert(*count > 0);
	--*count;
}
