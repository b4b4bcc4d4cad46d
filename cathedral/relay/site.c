/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/site.h"

#include <stdlib.h>

#define SWEEP_PARTS 100

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
	if (o->egress_mbit != 0)
		s->egress = egress_create(o->egress_mbit);
	if (!s->publish || !s->tunnels || !s->liturgies || !s->identities || !s->replay ||
	    !s->lookups || (o->egress_mbit != 0 && s->egress == NULL)) {
		site_destroy(s);
		return NULL;
	}
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
	publish_destroy(s->publish);
	free(s);
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
