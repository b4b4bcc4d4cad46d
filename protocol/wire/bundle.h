/* SPDX-License-Identifier: ISC */
/*
 * Ambry bundles and slices of them (docs/protocol.md, "Ambry bundle").  A slice is a bundle that
 * holds only the entries between some KEK numbers, in the same order; a whole bundle is the slice
 * of all 255.  One format, one lookup: an entry's place follows from the ranks of its two KEK
 * numbers, so nothing is searched and no list is built.
 */
#ifndef PROTOCOL_WIRE_BUNDLE_H
#define PROTOCOL_WIRE_BUNDLE_H

#include "base/fault.h"
#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUNDLE_HEAD_SIZE       70
#define BUNDLE_ENTRY_SIZE      58
#define BUNDLE_ONE_FLOCK_SIZE  3756730u
#define BUNDLE_TWO_FLOCKS_SIZE 7542970u
#define AMBRY_EPOCH            INT64_C(1697855580)
#define AMBRY_DAY              INT64_C(86400)

/* KEK numbers 1 .. 255 as a set with ranks. */
struct kek_set {
	uint64_t bits[4];
};

struct kek_set kek_set_all(void);
void kek_set_add(struct kek_set *s, uint8_t number); /* 0 is ignored */
bool kek_set_has(const struct kek_set *s, uint8_t number);
unsigned kek_set_count(const struct kek_set *s);
unsigned kek_set_rank(const struct kek_set *s, uint8_t number); /* members below number */

struct bundle_head {
	uint16_t expires; /* days since AMBRY_EPOCH */
	uint32_t generation;
	uint8_t seed[64];
};

struct bundle_entry {
	struct flock_id flock; /* of the device that it is for */
	struct tunnel_id tunnel;
	uint8_t key[32];
	uint8_t tag[16];
};

/* A validated view into bytes that the caller owns and keeps while it is used. */
struct bundle {
	struct bundle_head head;
	struct flock_id a, b; /* base flocks as asked for; equal within one flock */
	struct kek_set in_a, in_b;
	bool b_first; /* the file names b's side first */
	const uint8_t *entries;
	size_t count;
};

/* Size in bytes of a bundle or slice between these numbers (in_b is not used within one flock). */
size_t bundle_size(bool one_flock, const struct kek_set *in_a, const struct kek_set *in_b);

/*
 * Checks the whole of a bundle between flocks a and b (any domain; equal: within one flock) that
 * holds exactly the pairs of in_a and in_b: its size, every entry's flock and tunnel, each pair
 * once, in order.  A two-flock bundle may name the flocks either way round.  Expiry is the
 * caller's to judge.
 */
bool bundle_parse(struct bundle *ret, const uint8_t *bytes, size_t len, struct flock_id a,
    struct flock_id b, const struct kek_set *in_a, const struct kek_set *in_b, struct fault *why);

/* A whole bundle: all 255 numbers on both sides. */
bool bundle_parse_whole(struct bundle *ret, const uint8_t *bytes, size_t len, struct flock_id a,
    struct flock_id b, struct fault *why);

/* What a bundle file says it is for, from its first two entries; false when it is too short. */
bool bundle_peek(const uint8_t *bytes, size_t len, struct flock_id *a, struct flock_id *b);

/* The entry of the device in flock (domain ignored) for tunnel; false when there is none. */
bool bundle_find(const struct bundle *b, struct flock_id flock, struct tunnel_id tunnel,
    struct bundle_entry *ret);

/*
 * The number of that entry, counted from 0, by the flocks and sets of b alone: its bytes may be
 * somewhere else, say in a file.  flock without domain.
 */
bool bundle_place(
    const struct bundle *b, struct flock_id flock, struct tunnel_id tunnel, size_t *place);

/* The head, and the flock that the first entry names. */
#define BUNDLE_OUTLINE_SIZE (BUNDLE_HEAD_SIZE + 8)

/*
 * The outline of a whole bundle that was found good before and lies somewhere else, from its first
 * BUNDLE_OUTLINE_SIZE bytes: head, sides and number of entries, but no entries.
 */
bool bundle_outline(
    struct bundle *ret, const uint8_t *beginning, size_t len, struct flock_id a, struct flock_id b);

/*
 * The entries between the numbers given, as bundle_slice() takes them: run() is called, in order,
 * for each row of entries that follow one another, with the place of the first, counted from 0, and
 * how many they are.  False when run() said so.
 */
bool bundle_runs(const struct bundle *b, const struct kek_set *in_a, const struct kek_set *in_b,
    bool (*run)(void *arg, size_t place, size_t count), void *arg);

/* Reads one entry; false when there are not enough bytes. */
bool bundle_entry_decode(struct bundle_entry *ret, const uint8_t *bytes, size_t len);

/*
 * Writes head and the entries between the numbers given (in_a: of b->a, whichever side the file
 * names first) that are in b as well, to out of size bytes (bundle_size() of the intersections);
 * returns the bytes written, 0 when size is too small.
 */
size_t bundle_slice(const struct bundle *b, const struct kek_set *in_a, const struct kek_set *in_b,
    uint8_t *out, size_t size);

struct kek_set kek_set_both(const struct kek_set *a, const struct kek_set *b);

/* When, in Unix seconds, the bundle ends, and whether that is past. */
int64_t bundle_ends(uint16_t expires);
bool bundle_expired(uint16_t expires, int64_t now_s);

/* For makers of bundles: head, then entries in order; true when all fitted. */
void bundle_head_encode(const struct bundle_head *h, uint8_t out[static BUNDLE_HEAD_SIZE]);
void bundle_entry_encode(const struct bundle_entry *e, uint8_t out[static BUNDLE_ENTRY_SIZE]);

#endif
