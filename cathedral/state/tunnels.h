/* SPDX-License-Identifier: ISC */
/*
 * One end of each tunnel: where its device was last heard from and what it listens to
 * (docs/protocol.md, "What a cathedral keeps").  Any thread may call any of these; nothing escapes
 * the locks: finds copy out, changes happen in a callback.
 */
#ifndef CATHEDRAL_STATE_TUNNELS_H
#define CATHEDRAL_STATE_TUNNELS_H

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/ids.h"
#include "base/seeded_hash.h"
#include "cathedral/state/rhythm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTRY_TTL_NS (120 * NS_PER_S)

struct tunnel_key {
	struct flock_id src, dst; /* with their domain */
	uint16_t id;              /* struct tunnel_id, as seen by the device in src */
	uint8_t zero[6];
};

struct tunnel {
	struct tunnel_key key;
	uint64_t seen_ns; /* monotonic, as are all below */
	uint64_t instance;
	uint64_t said_s;        /* the timestamp of what its device said last */
	uint64_t cooldown_ns;   /* p2p not before this */
	uint64_t remembered_ns; /* last remembrance; 0: never */
	uint64_t learned_ns;    /* when rx_learned was */
	uint64_t bucket_ns;     /* cap: when credit was last counted */
	uint64_t credit;        /* cap: bytes * 8000, that is Mbit/s * ns */
	struct rhythm rhythm;   /* in which other cathedrals are told of it */
	struct device_id device;
	uint32_t generation; /* of the ambry the device last said it has */
	uint32_t rx_active, rx_pending, rx_learned;
	struct endpoint at;  /* the device, or the cathedral that has it */
	struct endpoint p2p; /* where a NAT probe or a p2p info says it can be reached */
	uint8_t listener;
	bool federated;
	bool proven; /* more than one accepted offer came from this address, or it is new */
	bool wants_ambry;
	bool p2p_usable;
	bool p2p_news; /* usable or not has changed since others were told */
	bool bucket_set;
};

struct tunnels;

/* NULL when out of memory.  per_device: how many a device may have at a time. */
struct tunnels *tunnels_create(size_t capacity, uint32_t per_device, struct random *r);
void tunnels_destroy(struct tunnels *t);

static inline struct tunnel_key
tunnel_key(struct flock_id src, struct flock_id dst, struct tunnel_id id)
{
	return (struct tunnel_key){ .src = src, .dst = dst, .id = id.value };
}

/* The other end's key. */
static inline struct tunnel_key
tunnel_key_reverse(struct tunnel_key k)
{
	return tunnel_key(k.dst, k.src, tunnel_reverse((struct tunnel_id){ k.id }));
}

/* Copies the live entry; false when there is none. */
bool tunnels_find(
    struct tunnels *t, const struct tunnel_key *key, uint64_t now_ns, struct tunnel *ret);

enum tunnels_result { TUNNELS_OK, TUNNELS_ABSENT, TUNNELS_FULL, TUNNELS_QUOTA };

/* Called under the lock; must not call back into tunnels. */
typedef void tunnels_change_fn(struct tunnel *tunnel, bool created, void *arg);

/*
 * Lets change() work on the entry of `device`, creating it when absent (or expired, or another
 * device's) and create is set.  A new entry has key, device and seen_ns set, all else zero.
 */
enum tunnels_result tunnels_change(struct tunnels *t, const struct tunnel_key *key,
    struct device_id device, bool create, uint64_t now_ns, tunnels_change_fn *change, void *arg);

/* The data path: one look at the receiver's entry. */
struct tunnel_route {
	struct endpoint at;
	uint8_t listener;
	bool federated;
};

enum tunnels_route_result { ROUTE_OK, ROUTE_ABSENT, ROUTE_SPI, ROUTE_CAP };

/*
 * Finds where bytes under spi go: the entry must be live, belong to device, and listen to spi.
 * Charges its cap of mbit (0: none).
 */
enum tunnels_route_result tunnels_route(struct tunnels *t, const struct tunnel_key *key,
    struct device_id device, uint32_t spi, uint32_t mbit, size_t bytes, uint64_t now_ns,
    struct tunnel_route *ret);

/* Whether the live local entry of device is at exactly this address and listener. */
bool tunnels_is_at(struct tunnels *t, const struct tunnel_key *key, struct device_id device,
    const struct endpoint *from, uint8_t listener, uint64_t now_ns);

/* Expiry, one part in `parts` of the table at a time.  Returns how many went away. */
size_t tunnels_sweep(struct tunnels *t, size_t parts, uint64_t now_ns);

/*
 * Copies of all entries, with no lock held; those for which visit() says false, and says so again
 * with it, are removed.
 */
typedef bool tunnels_visit(const struct tunnel *tunnel, void *arg);
void tunnels_each(struct tunnels *t, tunnels_visit *visit, void *arg);

/* The same for the entries of one flock, in any domain: what it costs is by their number. */
void tunnels_each_of(struct tunnels *t, struct flock_id flock, tunnels_visit *visit, void *arg);

/*
 * For who comes after us (relay/bequest.h): a mark (table_mark()), the entries that changed since
 * one (0: all, expired ones included), with rest() as in table_each(), and putting back an entry as
 * it was.  What the table knows newer stays; TUNNELS_ABSENT when it has expired.
 */
typedef void tunnels_see(const struct tunnel *tunnel, void *arg);
uint32_t tunnels_mark(struct tunnels *t);
bool tunnels_changed(
    struct tunnels *t, uint32_t since, tunnels_see *see, bool (*rest)(void *arg), void *arg);
enum tunnels_result tunnels_restore(struct tunnels *t, const struct tunnel *was, uint64_t now_ns);

size_t tunnels_count(struct tunnels *t);
size_t tunnels_capacity(const struct tunnels *t);

#endif
