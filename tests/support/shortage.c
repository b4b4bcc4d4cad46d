/* SPDX-License-Identifier: ISC */
#include "tests/support/shortage.h"

static const struct flock_id a = { STAGE_A };

struct pair
pair_on(struct stage *s, uint8_t listener_one, uint8_t listener_two)
{
	return (struct pair){ stage_actor(s, &s->a[0], a, a, 2, listener_one),
		stage_actor(s, &s->a[1], a, a, 1, listener_two) };
}

struct pair
known_pair(struct stage *s)
{
	struct pair p = pair_on(s, 0, 0);

	stage_info(s, &p.one);
	stage_info(s, &p.two);
	return p;
}

void
shortage_slow_receiver(struct stage *s)
{
	s->a[1].mbit = 1;
}

enum verdict
shortage_cap(struct stage *s)
{
	struct pair p = known_pair(s);
	size_t payload = 1250 - DATA_HEADER_SIZE;

	for (int n = 0; n < 100; n++) {
		if (stage_data(s, &p.one, payload) != VERDICT_RELAYED)
			return VERDICT_COUNT; /* too early */
	}
	return stage_data(s, &p.one, DEVICE_PAYLOAD_MIN);
}

/* Up to 50 kB, until something else than relaying becomes of a packet. */
static enum verdict
flood(struct stage *s, struct pair *p)
{
	enum verdict got = VERDICT_RELAYED;

	for (int n = 0; n < 50 && got == VERDICT_RELAYED; n++)
		got = stage_data(s, &p->one, 900);
	return got;
}

void
shortage_narrow_host(struct stage *s)
{
	s->options.egress_mbit = 1;
}

enum verdict
shortage_queued(struct stage *s)
{
	struct pair p = known_pair(s);

	if (!pipeline_take_turns(s->pipeline, &s->random))
		return VERDICT_COUNT;
	return flood(s, &p);
}

void
shortage_poor_flocks(struct stage *s)
{
	s->options.flock_budget_month = 1000000;
}

/* So much was used already. */
static enum verdict
flood_after(struct stage *s, uint64_t used)
{
	struct pair p = known_pair(s);

	meter_count(budget_flock_meters(s->site->budget, a), used);
	budget_tick(s->site->budget, s->now, NULL, NULL);
	return flood(s, &p);
}

enum verdict
shortage_budget_slow(struct stage *s)
{
	return flood_after(s, 960000);
}

enum verdict
shortage_budget(struct stage *s)
{
	return flood_after(s, 1000000);
}
