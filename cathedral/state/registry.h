/* SPDX-License-Identifier: ISC */
/*
 * Who may do what, as an immutable snapshot: flocks with their devices and ambries, pairs of
 * flocks, federated cathedrals.  Everything that depends only on a device is derived once, when
 * the snapshot is built.  Readers take the current snapshot once per batch (publish.h) and hold
 * no lock; what did not change is shared between snapshots, so that the next one, with one flock
 * changed, costs as little among 100,000 flocks as among ten (catalogue.h).
 */
#ifndef CATHEDRAL_STATE_REGISTRY_H
#define CATHEDRAL_STATE_REGISTRY_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "base/ids.h"
#include "base/keys.h"
#include "base/seeded_hash.h"
#include "cathedral/state/meter.h"
#include "cathedral/state/peer_stats.h"
#include "protocol/crypto/kmac.h"
#include "protocol/wire/bundle.h"
#include "protocol/wire/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One device's shroud for one pair of flocks. */
struct registry_shroud {
	struct kmac_prefix mask;
	struct kmac_prefix identity;
};

struct registry_device {
	struct device_id id;
	uint8_t kek_number;
	uint32_t mbit; /* 0: unlimited */
	struct cathedral_secret cs;
	struct cosk_public cosk;
	struct registry_shroud shroud; /* within its own flock */
};

/* Which file a bundle came from, to see whether it changed. */
struct file_mark {
	uint64_t device, inode, size;
	int64_t mtime_ns, ctime_ns;
};

/* Where a whole bundle is, for tunnels to numbers that nobody has yet. */
struct bundle_file {
	struct file_mark mark;
	char path[];
};

/* The ambries between the devices that are allowed: a slice of the bundle in memory. */
struct registry_ambries {
	bool present;
	struct bundle bundle; /* its entries point into bytes */
	uint8_t *bytes;
	size_t size;
	struct bundle_file *file; /* NULL: this is all there is of it */
};

struct registry_flock {
	unsigned references; /* as all of them: the main thread's */
	unsigned device_count;
	struct registry_ambries ambries;

	/* What packets look at, in a line of the cache with the first of the devices. */
	struct flock_id id;              /* base */
	struct registry_device *devices; /* sorted by id; behind this, in secret memory */
	struct meter *meters;            /* of one site's threads, borrowed; NULL: nobody counts */
	size_t kek_end;                  /* above the highest KEK number */
	uint8_t by_kek[];                /* KEK number -> index + 1 into devices, 0: none */
};

/* The device with this KEK number, or NULL. */
static inline const struct registry_device *
registry_flock_by_kek(const struct registry_flock *f, uint8_t kek_number)
{
	uint8_t place = kek_number < f->kek_end ? f->by_kek[kek_number] : 0;

	return place > 0 ? &f->devices[place - 1] : NULL;
}

struct registry_xflock {
	struct registry_flock *a, *b; /* a's id is the lower; referenced */
	unsigned references;
	struct registry_ambries ambries;
	struct registry_shroud *shrouds; /* a's devices in order, then b's; in secret memory */
};

struct registry_peer {
	struct endpoint at;
	uint16_t clear_port, shroud_port; /* its listeners for devices of that kind; 0: not known */
	bool only_told;                   /* 0 means that there is none: it is not to be guessed */
	bool near;                        /* in the region of this cathedral */
	bool draining; /* it federates, but no device is to be told of it any more */
	struct peer_stats *stats;
};

struct registry_federation {
	bool present; /* a federation secret is configured */
	struct federation_secret secret;
	struct kmac_prefix mask;
};

struct registry;

/* One device as it talks within its own flock or to one other; all pointers are the snapshot's. */
struct party {
	const struct registry_flock *flock;
	const struct registry_device *device;
	const struct registry_shroud *shroud;
	const struct registry_ambries *ambries; /* of the flock or the pair; may not be present */
};

/*
 * The device `id` of flock own as it talks to flock other; both with their domains, which must be
 * the same.  False: unknown flock or device, other domain, or two flocks that may not talk.
 */
bool registry_party(const struct registry *r, struct flock_id own, struct flock_id other,
    struct device_id id, struct party *ret);

/* The same by KEK number. */
bool registry_party_by_kek(const struct registry *r, struct flock_id own, struct flock_id other,
    uint8_t kek_number, struct party *ret);

/* Both ends of what flock src sends to flock dst; tunnel is as the receiver names it. */
struct parties {
	struct party sender, receiver;
};

bool registry_parties(const struct registry *r, struct flock_id src, struct flock_id dst,
    struct tunnel_id tunnel, struct parties *ret);

/*
 * The entry of the device in `flock` for tunnel, from the slice in memory.  REGISTRY_ON_DISK: only
 * the whole bundle has it, which registry_read_ambry() reads, off the packet path.
 */
enum registry_ambry { REGISTRY_HERE, REGISTRY_ON_DISK, REGISTRY_NOWHERE };
enum registry_ambry registry_find_ambry(const struct registry_ambries *a, struct flock_id flock,
    struct tunnel_id tunnel, struct bundle_entry *ret);
bool registry_read_ambry(const struct registry_ambries *a, struct flock_id flock,
    struct tunnel_id tunnel, struct bundle_entry *ret);

/* The federated cathedral at this address and port, or NULL. */
const struct registry_peer *registry_peer_at(const struct registry *r, const struct endpoint *at);

const struct registry_peer *registry_peers(const struct registry *r, size_t *count);
const struct registry_federation *registry_federation(const struct registry *r);

/* Calls visit for every shroud of every device, own and pairs; stops when it says false. */
typedef bool registry_visit(const struct party *party, struct flock_id other, void *arg);
void registry_each_shroud(const struct registry *r, registry_visit *visit, void *arg);

/* The same for every flock, in no order. */
typedef bool registry_flock_visit(const struct registry_flock *f, void *arg);
void registry_each_flock(const struct registry *r, registry_flock_visit *visit, void *arg);

struct registry_counts {
	size_t flocks, xflocks, devices, peers, ambries;
	size_t waiting; /* xflocks that lack a flock yet */
	size_t ambry_bytes;
	size_t unfederated; /* other cathedrals that it has no secret to talk to */
};

struct registry_counts registry_counts(const struct registry *r);

/* How far registry.db was read for it; 0: not at all. */
uint64_t registry_version(const struct registry *r);

/* ---- building: the main thread only ---- */

/* Flocks about which something changed; begins zeroed. */
struct registry_touched {
	struct flock_id *flocks; /* in order, each once */
	size_t count, room;
	bool all; /* too many to be named: any may have changed */
};

void registry_touch(struct registry_touched *t, struct flock_id flock);
void registry_touch_all(struct registry_touched *t);
void registry_touch_also(struct registry_touched *t, const struct registry_touched *others);
void registry_touched_free(struct registry_touched *t); /* and begins anew */

/* Where the files are that the settings name. */
struct registry_source {
	const char *settings;   /* path of the settings file */
	const char *secretdir;  /* flock-<hex>/<id>.key and .pub below it */
	const char *federation; /* path of the federation secret, or NULL */
	struct hash_key hash;
	const struct endpoint *own; /* where this cathedral itself is: no peers of its own */
	size_t own_count;
	/* Called again and again while much is read, for whoever takes silence for hanging. */
	void (*alive)(void *arg); /* NULL: nobody does */
	void *alive_arg;
};

static inline void
registry_source_alive(const struct registry_source *source)
{
	if (source->alive != NULL)
		source->alive(source->alive_arg);
}

static inline bool
registry_source_is_own(const struct registry_source *source, const struct endpoint *at)
{
	for (size_t n = 0; n < source->own_count; n++) {
		if (endpoint_equal(&source->own[n], at))
			return true;
	}
	return false;
}

/*
 * Reads everything and builds a snapshot, taking unchanged parts from old (may be NULL).  NULL
 * when anything is wrong: the fault names the file, the line and the reason, and nothing changed.
 * An expired bundle is not wrong: its ambries are not handed out.
 */
struct registry *registry_load(
    const struct registry_source *source, const struct registry *old, struct fault *why);

void registry_free(struct registry *r); /* NULL is fine */

/* For tests and benches that need no files: the devices of one flock, then the whole. */
struct registry_spec_device {
	struct device_id id;
	uint8_t kek_number;
	uint32_t mbit;
	struct cathedral_secret cs;
	struct cosk_public cosk;
};

/* Takes a copy of everything; references is 1.  NULL: no memory, or an id or number twice. */
struct registry_flock *registry_flock_create(
    struct flock_id id, const struct registry_spec_device *devices, size_t count);

/* Cuts the slice that the flock's devices need from a whole bundle. */
bool registry_flock_set_ambries(
    struct registry_flock *f, const uint8_t *bundle, size_t len, struct fault *why);

/*
 * The slice itself, between numbers that need not be those of the devices of this moment.  Takes
 * bytes (from malloc) over when it is true.
 */
bool registry_ambries_take(struct registry_ambries *a, uint8_t *bytes, size_t len,
    const struct bundle *between, struct fault *why);

/*
 * The rest of it is in the whole bundle in this file.  Without the memory to remember that, it is
 * as if there were no such file.
 */
void registry_ambries_on_disk(
    struct registry_ambries *a, const char *path, const struct file_mark *mark);

/* The same slice once more; false: no memory. */
bool registry_ambries_copy(struct registry_ambries *ret, const struct registry_ambries *from);

struct registry_xflock *registry_xflock_create(struct registry_flock *x, struct registry_flock *y);
bool registry_xflock_set_ambries(
    struct registry_xflock *x, const uint8_t *bundle, size_t len, struct fault *why);

/* Takes over the references given (also when it fails).  secret may be NULL: no federation. */
struct registry_parts {
	struct registry_flock **flocks;
	size_t flock_count;
	struct registry_xflock **xflocks;
	size_t xflock_count;
	const struct settings_peer *peers;
	size_t peer_count;
	const struct federation_secret *secret;
	struct hash_key hash;
};

struct registry *registry_create(const struct registry_parts *parts, const struct registry *old);

/*
 * A registry that nobody reads yet, to be changed: empty, or all that is in another (shared with
 * it).  NULL when out of memory.
 */
struct registry *registry_empty(struct hash_key hash);
struct registry *registry_copy(const struct registry *old);

/*
 * Changes of one that nobody reads yet; flocks by their base ids, of two the lower first.  Put
 * takes the reference over, and replaces what has the same name.  An xflock's flocks must be in it;
 * when one of them goes the xflock waits for another.  False: out of memory, and the registry is of
 * no more use than to be freed.
 */
bool registry_put_flock(struct registry *r, struct registry_flock *f);
bool registry_put_xflock(struct registry *r, struct registry_xflock *x);
bool registry_remove_flock(struct registry *r, struct flock_id flock);
bool registry_remove_xflock(struct registry *r, struct flock_id a, struct flock_id b);

/*
 * An xflock, instead of what there is of it, that lacks a flock yet.  Takes the ambries over when
 * it is true, for registry_waiting() to lend (or NULL), until the xflock is put.
 */
bool registry_put_waiting(
    struct registry *r, struct flock_id a, struct flock_id b, struct registry_ambries *ambries);
const struct registry_ambries *registry_waiting(
    const struct registry *r, struct flock_id a, struct flock_id b);

/* Copies all but stats, which are those that old (may be NULL) has of the same address. */
bool registry_set_peers(struct registry *r, const struct registry_peer *peers, size_t count,
    const struct registry *old);
void registry_set_secret(struct registry *r, const struct federation_secret *secret); /* or NULL */
void registry_set_unfederated(struct registry *r, size_t count);
void registry_set_version(struct registry *r, uint64_t version);

/* The flocks that have an xflock with this one, waiting or not; NULL when there are none. */
const struct flock_id *registry_partners(
    const struct registry *r, struct flock_id flock, size_t *count);

/* Whether all about their devices is the same. */
bool registry_flock_same_devices(const struct registry_flock *a, const struct registry_flock *b);

void registry_flock_release(struct registry_flock *f);
void registry_xflock_release(struct registry_xflock *x);

/* Borrowed, or NULL; for the loader, which shares what did not change. */
struct registry_flock *registry_flock_find(const struct registry *r, struct flock_id flock);
struct registry_xflock *registry_xflock_find(
    const struct registry *r, struct flock_id a, struct flock_id b);

#endif
