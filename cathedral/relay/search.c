/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/search.h"

#include "protocol/crypto/kdf.h"
#include "protocol/crypto/shroud.h"

#include <string.h>

/* Several devices at a time, so that some are fetched while others are computed. */
#define JOBS (16 * LOOKUPS_TOGETHER)

struct attempt {
	struct wanted *wanted;
	struct identity who;
	uint8_t shown[SHROUD_IDENTITY_SIZE];
};

struct search {
	struct wanted *open[LOOKUPS_TOGETHER]; /* not found yet */
	size_t open_count;
	size_t count;
	struct kmac_job jobs[JOBS];
	struct attempt attempts[JOBS];
};

static void
close_found(struct search *s)
{
	size_t left = 0;

	for (size_t n = 0; n < s->open_count; n++) {
		if (!s->open[n]->found)
			s->open[left++] = s->open[n];
	}
	s->open_count = left;
}

static void
run(struct search *s)
{
	bool found = false;

	kmac_run(s->jobs, s->count);
	for (size_t n = 0; n < s->count; n++) {
		const struct attempt *a = &s->attempts[n];

		if (a->wanted->found || memcmp(a->shown, a->wanted->header, sizeof(a->shown)) != 0)
			continue;
		a->wanted->found = found = true;
		a->wanted->who = a->who;
	}
	s->count = 0;
	if (found)
		close_found(s);
}

static bool
try_device(const struct party *party, struct flock_id other, void *arg)
{
	const struct kmac_prefix *identity = &party->shroud->identity;
	struct search *s = arg;

	kmac_prefix_fetch(identity);
	for (size_t n = 0; n < s->open_count; n++) {
		struct attempt *a = &s->attempts[s->count];

		a->wanted = s->open[n];
		a->who = (struct identity){ party->flock->id, other, party->device->id, 0 };
		s->jobs[s->count++] =
		    shroud_identity_job(a->shown, identity, a->wanted->header + SHROUD_SEED_ID_AT);
	}
	if (s->count + s->open_count > JOBS)
		run(s);
	return s->open_count > 0;
}

void
search_devices(const struct registry *r, struct wanted *wanted, size_t count)
{
	struct search s = { .open_count = count };

	for (size_t n = 0; n < count; n++) {
		wanted[n].found = false;
		s.open[n] = &wanted[n];
	}
	if (count > 0)
		registry_each_shroud(r, try_device, &s);
	run(&s);
}
