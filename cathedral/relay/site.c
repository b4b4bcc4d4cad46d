/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/site.h"

#include <stdlib.h>

#define SWEEP_PARTS 100

/* Flocks that wait at a time; what they wait with is no more than some megabytes a worker. */
#define WAITERS_MAX (1 << 18)

/* Whether what was asked for is there. */
static bool
open_limits(struct site *s, unsigned slots, struct random *r)
{
	const struct site_options *o = &s->options;
	const struct budget_options budget = {
		.host = o->budget_month,
		.flock = o->flock_budget_month,
		.threads = slots,
		.flocks_max = o->tunnels_max, /* a flock that relays has two of them */
	};

	if (o->egress_mbit != 0) {
		s->egress = egress_create(o->egress_mbit);
		s->waiters = waiters_create(WAITERS_MAX, r);
		if (s->egress == NULL || s->waiters == NULL)
			return false;
	}
	if (budget.host == 0 && budget.flock == 0)
		return true;
	s->budget = budget_create(&budget, r);
	return s->budget != NULL;
}

struct site *
site_create(
    const struct site_options *options, struct registry *first, unsigned slots, struct random *r)
{
	const struct site_options *o = options;
	struct site *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		registry_free(first);
		return NULL;
	}
	s->options = *o;
	s->instance = random_u64(r) | 1;
	s->publish = publish_create(first, slots);
	if (s->publish == NULL)
		registry_free(first);
	s->tunnels = tunnels_create(o->tunnels_max, o->tunnels_per_device, r);
	s->liturgies = liturgies_create(o->liturgies_max, r);
	s->identities = identities_create(o->identities_max, o->identities_per_device, r);
	s->replay = replay_create(o->replays_max, r);
	s->lookups = lookups_create(o->lookups_max, r);
	if (!s->publish || !s->tunnels || !s->liturgies || !s->identities || !s->replay ||
	    !s->lookups || !open_limits(s, slots, r)) {
		site_destroy(s);
		return NULL;
	}
	site_meter(s, publish_current(s->publish), NULL);
	return s;
}

void
site_destroy(struct site *s)
{
	if (s == NULL)
		return;
	tunnels_destroy(s->tunnels);
	liturgies_destroy(s->liturgies);
	identities_destroy(s->identities);
	replay_destroy(s->replay);
	lookups_destroy(s->lookups);
	egress_destroy(s->egress);
	waiters_destroy(s->waiters);
	publish_destroy(s->publish);
	budget_destroy(s->budget);
	free(s);
}

struct metering {
	struct budget *budget;
	const struct registry *registry;
};

static bool
meter_flock(const struct registry_flock *found, void *arg)
{
	const struct metering *m = arg;
	struct registry_flock *f = registry_flock_find(m->registry, found->id);

	/* Those that other registries have, too, have it. */
	if (f->meters == NULL)
		f->meters = budget_flock_meters(m->budget, f->id);
	return true;
}

void
site_meter(struct site *s, const struct registry *next, const struct registry_touched *touched)
{
	struct metering m = { s->budget, next };

	if (s->budget == NULL)
		return;
	if (touched == NULL || touched->all) {
		registry_each_flock(next, meter_flock, &m);
		return;
	}
	for (size_t n = 0; n < touched->count; n++) {
		const struct registry_flock *f = registry_flock_find(next, touched->flocks[n]);

		if (f != NULL)
			meter_flock(f, &m);
	}
}

size_t
site_sweep(struct site *s, uint64_t now_ns)
{
	return tunnels_sweep(s->tunnels, SWEEP_PARTS, now_ns) +
	       liturgies_sweep(s->liturgies, SWEEP_PARTS, now_ns) +
	       identities_sweep(s->identities, SWEEP_PARTS, now_ns) +
	       replay_sweep(s->replay, SWEEP_PARTS, now_ns);
}

bool
site_tunnel_stays(const struct tunnel *t, void *arg)
{
	struct tunnel_id id = { t->key.id };
	struct party p;

	return registry_party_by_kek(arg, t->key.src, t->key.dst, tunnel_own(id), &p) &&
	       p.device->id.value == t->device.value;
}

bool
site_liturgy_stays(const struct liturgy_entry *e, void *arg)
{
	struct party p;

	return registry_party_by_kek(arg, e->flock, e->flock, e->number, &p) &&
	       p.device->id.value == e->device.value;
}

void
site_purge(struct site *s, const struct registry_touched *touched)
{
	/* The visitors only read it. */
	void *registry = (void *)(uintptr_t)publish_current(s->publish);

	if (touched == NULL || touched->all) {
		tunnels_each(s->tunnels, site_tunnel_stays, registry);
		liturgies_each(s->liturgies, site_liturgy_stays, registry);
		return;
	}
	for (size_t n = 0; n < touched->count; n++) {
		tunnels_each_of(s->tunnels, touched->flocks[n], site_tunnel_stays, registry);
		liturgies_each_of(s->liturgies, touched->flocks[n], site_liturgy_stays, registry);
	}
}
