/* SPDX-License-Identifier: ISC */
/* What all threads of one cathedral share: its settings that do not change, and its tables. */
#ifndef CATHEDRAL_RELAY_SITE_H
#define CATHEDRAL_RELAY_SITE_H

#include "base/endpoint.h"
#include "cathedral/state/budget.h"
#include "cathedral/state/egress.h"
#include "cathedral/state/identities.h"
#include "cathedral/state/liturgies.h"
#include "cathedral/state/lookups.h"
#include "cathedral/state/publish.h"
#include "cathedral/state/replay.h"
#include "cathedral/state/tunnels.h"
#include "cathedral/state/waiters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTENERS_MAX 16

/* An address that devices talk to.  The first listener is the one other cathedrals talk to. */
struct listener {
	struct endpoint main; /* as bound */
	uint16_t nat_port;    /* 0: no NAT detection here */
	bool shrouded;
	struct endpoint
	    advertised; /* how devices see main: IPv4, in info answers and remembrances */
};

struct site_options {
	struct listener listeners[LISTENERS_MAX];
	size_t listener_count;
	size_t mtu;          /* shrouded packets stay below it */
	bool p2p_sync;       /* tell other cathedrals p2p addresses, and believe theirs */
	bool sender_check;   /* clear data only from where its sender is */
	bool letters;        /* many announcements at a time to cathedrals that read them */
	uint32_t refresh_s;  /* other cathedrals hear of what did not change this often */
	uint32_t offer_rate; /* accepted offers per second and device, burst twice that */
	uint32_t tunnels_per_device;
	uint32_t identities_per_device;
	size_t tunnels_max, liturgies_max, identities_max, replays_max, lookups_max;
	uint32_t egress_mbit;        /* all that this host may send; 0: as much as it can */
	uint64_t budget_month;       /* the same in a month, in bytes; 0: no limit */
	uint64_t flock_budget_month; /* and what of it each flock may; likewise */
};

#define SITE_OPTIONS_DEFAULT                                                                       \
	{                                                                                          \
		.mtu = 1472, .sender_check = true, .letters = true, .refresh_s = RHYTHM_REFRESH_S, \
		.offer_rate = 512, .tunnels_per_device = 1024, .identities_per_device = 512,       \
		.tunnels_max = 1 << 20, .liturgies_max = 1 << 18, .identities_max = 1 << 18,       \
		.replays_max = 1 << 20, .lookups_max = 1024,                                       \
	}

struct site {
	struct site_options options;
	uint64_t instance;     /* of this cathedral, in its letters; not 0 */
	_Atomic bool draining; /* it is to be left: devices are told of the others first */
	struct publish *publish;
	struct tunnels *tunnels;
	struct liturgies *liturgies;
	struct identities *identities;
	struct replay *replay;
	struct lookups *lookups;
	struct egress *egress;   /* NULL: as much as it can */
	struct waiters *waiters; /* who waits for it; NULL: as egress */
	struct budget *budget;   /* NULL: no month has a limit */
};

/*
 * Creates the tables; takes over first (also when it fails).  slots: how many readers of the
 * registry there will be.  NULL when out of memory.
 */
struct site *site_create(
    const struct site_options *options, struct registry *first, unsigned slots, struct random *r);
void site_destroy(struct site *s);

/* Whether any of its listeners is shrouded. */
static inline bool
site_has_shroud(const struct site *s)
{
	for (size_t n = 0; n < s->options.listener_count; n++) {
		if (s->options.listeners[n].shrouded)
			return true;
	}
	return false;
}

/*
 * The main thread, before a registry is published: what its flocks send is counted where it always
 * was.  As with site_purge() those touched are enough.
 */
void site_meter(
    struct site *s, const struct registry *next, const struct registry_touched *touched);

/*
 * A part of the incremental expiry: call it every 100 ms, and a whole round takes about ten
 * seconds.  Returns how many entries went away.
 */
size_t site_sweep(struct site *s, uint64_t now_ns);

/*
 * The main thread, after publish_swap(): forgets tunnels and liturgies of devices that are gone,
 * or whose number or identity is another's now.  Looks at those of the flocks touched alone, or at
 * all when touched is NULL.
 */
void site_purge(struct site *s, const struct registry_touched *touched);

/* Whether the registry (tables' visitors have it as void *) has the entry's device as it stands. */
bool site_tunnel_stays(const struct tunnel *t, void *registry);
bool site_liturgy_stays(const struct liturgy_entry *e, void *registry);

#endif
