/* SPDX-License-Identifier: ISC */
#include "protocol/wire/bundle.h"

#include "protocol/wire/cursor.h"

#include <inttypes.h>

struct kek_set
kek_set_all(void)
{
	struct kek_set s = { { ~UINT64_C(1), UINT64_MAX, UINT64_MAX, UINT64_MAX } };

	return s;
}

void
kek_set_add(struct kek_set *s, uint8_t number)
{
	if (number != 0)
		s->bits[number / 64] |= UINT64_C(1) << number % 64;
}

bool
kek_set_has(const struct kek_set *s, uint8_t number)
{
	return (s->bits[number / 64] >> number % 64 & 1) != 0;
}

static unsigned
ones(uint64_t bits)
{
	return (unsigned)__builtin_popcountll(bits);
}

unsigned
kek_set_count(const struct kek_set *s)
{
	return ones(s->bits[0]) + ones(s->bits[1]) + ones(s->bits[2]) + ones(s->bits[3]);
}

unsigned
kek_set_rank(const struct kek_set *s, uint8_t number)
{
	unsigned rank = ones(s->bits[number / 64] & ((UINT64_C(1) << number % 64) - 1));

	for (unsigned i = 0; i < number / 64; i++)
		rank += ones(s->bits[i]);
	return rank;
}

struct kek_set
kek_set_both(const struct kek_set *a, const struct kek_set *b)
{
	struct kek_set both;

	for (unsigned i = 0; i < 4; i++)
		both.bits[i] = a->bits[i] & b->bits[i];
	return both;
}

static size_t
entry_count(bool one_flock, const struct kek_set *in_a, const struct kek_set *in_b)
{
	size_t a = kek_set_count(in_a);

	if (one_flock)
		return a == 0 ? 0 : a * (a - 1);
	return 2 * a * kek_set_count(in_b);
}

size_t
bundle_size(bool one_flock, const struct kek_set *in_a, const struct kek_set *in_b)
{
	return BUNDLE_HEAD_SIZE + BUNDLE_ENTRY_SIZE * entry_count(one_flock, in_a, in_b);
}

static bool
within_one_flock(const struct bundle *b)
{
	return flock_equal(b->a, b->b);
}

/* A bundle's two sides in the order in which the file names them. */
struct sides {
	struct flock_id first, second;
	const struct kek_set *in_first, *in_second;
};

static struct sides
sides_of(const struct bundle *b)
{
	if (within_one_flock(b))
		return (struct sides){ b->a, b->a, &b->in_a, &b->in_a };
	if (b->b_first)
		return (struct sides){ b->b, b->a, &b->in_b, &b->in_a };
	return (struct sides){ b->a, b->b, &b->in_a, &b->in_b };
}

/* Called for every entry that a bundle has to hold, in order; false ends it. */
typedef bool entry_visit(void *arg, struct flock_id flock, struct tunnel_id tunnel);

static bool
entries_each(const struct bundle *b, entry_visit *visit, void *arg)
{
	struct sides s = sides_of(b);
	bool one = within_one_flock(b);

	for (unsigned x = KEK_NUMBER_MIN; x <= KEK_NUMBER_MAX; x++) {
		if (!kek_set_has(s.in_first, (uint8_t)x))
			continue;
		for (unsigned y = one ? x + 1 : KEK_NUMBER_MIN; y <= KEK_NUMBER_MAX; y++) {
			struct tunnel_id tunnel = tunnel_between((uint8_t)x, (uint8_t)y);

			if (!kek_set_has(s.in_second, (uint8_t)y))
				continue;
			if (!visit(arg, s.first, tunnel) ||
			    !visit(arg, s.second, tunnel_reverse(tunnel)))
				return false;
		}
	}
	return true;
}

/* Pairs (x, y) with x < y of n ranks, counted in order. */
static size_t
pair_index(size_t n, size_t x, size_t y)
{
	return x * (2 * n - x - 1) / 2 + y - x - 1;
}

bool
bundle_place(const struct bundle *b, struct flock_id flock, struct tunnel_id tunnel, size_t *place)
{
	struct sides s = sides_of(b);
	uint8_t x = tunnel_own(tunnel), y = tunnel_peer(tunnel);
	bool back = within_one_flock(b) ? x > y : flock_equal(flock, s.second);
	size_t i, j, pair;

	if (!flock_equal(flock, back ? s.second : s.first))
		return false;
	if (back) {
		x = tunnel_peer(tunnel);
		y = tunnel_own(tunnel);
	}
	if (!kek_set_has(s.in_first, x) || !kek_set_has(s.in_second, y))
		return false;
	if (within_one_flock(b) && x == y)
		return false;

	i = kek_set_rank(s.in_first, x);
	j = kek_set_rank(s.in_second, y);
	if (within_one_flock(b))
		pair = pair_index(kek_set_count(s.in_first), i, j);
	else
		pair = i * kek_set_count(s.in_second) + j;
	*place = 2 * pair + back;
	return true;
}

static void
head_decode(struct bundle_head *ret, struct cursor *c)
{
	ret->expires = cursor_be16(c);
	ret->generation = cursor_be32(c);
	cursor_take(c, ret->seed, sizeof(ret->seed));
}

struct check {
	struct cursor c;
	size_t number; /* of the entry, from 1, as people count */
	struct fault *why;
};

static bool
entry_check(void *arg, struct flock_id flock, struct tunnel_id tunnel)
{
	struct check *k = arg;
	struct flock_id has_flock = { cursor_be64(&k->c) };
	struct tunnel_id has_tunnel = { cursor_be16(&k->c) };

	cursor_skip(&k->c, BUNDLE_ENTRY_SIZE - 8 - 2);
	k->number++;
	if (!flock_equal(has_flock, flock))
		return fault_set(k->why,
		    "entry %zu: tunnel %04x of flock %" PRIx64 " where %04x of flock %" PRIx64
		    " was expected",
		    k->number, has_tunnel.value, has_flock.value, tunnel.value, flock.value);
	if (has_tunnel.value != tunnel.value)
		return fault_set(k->why,
		    "entry %zu: tunnel %04x of flock %" PRIx64 " where %04x was expected",
		    k->number, has_tunnel.value, has_flock.value, tunnel.value);
	return true;
}

bool
bundle_parse(struct bundle *ret, const uint8_t *bytes, size_t len, struct flock_id a,
    struct flock_id b, const struct kek_set *in_a, const struct kek_set *in_b, struct fault *why)
{
	struct bundle p = { .a = flock_base(a), .b = flock_base(b), .in_a = *in_a, .in_b = *in_b };
	struct check k = { .c = cursor_over(bytes, len), .why = why };
	size_t size = bundle_size(within_one_flock(&p), in_a, in_b);
	struct cursor first;

	if (len != size)
		return fault_set(why, "%zu bytes where %zu were expected", len, size);

	head_decode(&p.head, &k.c);
	p.entries = k.c.at;
	p.count = k.c.left / BUNDLE_ENTRY_SIZE;

	first = k.c;
	p.b_first = cursor_be64(&first) == p.b.value && !within_one_flock(&p) && p.count > 0;
	if (!entries_each(&p, entry_check, &k))
		return false;
	*ret = p;
	return true;
}

bool
bundle_parse_whole(struct bundle *ret, const uint8_t *bytes, size_t len, struct flock_id a,
    struct flock_id b, struct fault *why)
{
	struct kek_set all = kek_set_all();

	return bundle_parse(ret, bytes, len, a, b, &all, &all, why);
}

bool
bundle_peek(const uint8_t *bytes, size_t len, struct flock_id *a, struct flock_id *b)
{
	struct cursor c = cursor_over(bytes, len);
	uint64_t first, second;

	cursor_skip(&c, BUNDLE_HEAD_SIZE);
	first = cursor_be64(&c);
	cursor_skip(&c, BUNDLE_ENTRY_SIZE - 8);
	second = cursor_be64(&c);
	cursor_skip(&c, BUNDLE_ENTRY_SIZE - 8);
	if (!cursor_ok(&c))
		return false;
	a->value = first;
	b->value = second;
	return true;
}

bool
bundle_outline(
    struct bundle *ret, const uint8_t *beginning, size_t len, struct flock_id a, struct flock_id b)
{
	struct cursor c = cursor_over(beginning, len);
	struct bundle p = { .a = flock_base(a), .b = flock_base(b) };

	p.in_a = kek_set_all();
	p.in_b = kek_set_all();
	p.count = entry_count(within_one_flock(&p), &p.in_a, &p.in_b);
	head_decode(&p.head, &c);
	p.b_first = cursor_be64(&c) == p.b.value && !within_one_flock(&p);
	if (!cursor_ok(&c))
		return false;
	*ret = p;
	return true;
}

bool
bundle_entry_decode(struct bundle_entry *ret, const uint8_t *bytes, size_t len)
{
	struct cursor c = cursor_over(bytes, len);
	struct bundle_entry e;

	e.flock.value = cursor_be64(&c);
	e.tunnel.value = cursor_be16(&c);
	cursor_take(&c, e.key, sizeof(e.key));
	cursor_take(&c, e.tag, sizeof(e.tag));
	if (!cursor_ok(&c))
		return false;
	*ret = e;
	return true;
}

bool
bundle_find(const struct bundle *b, struct flock_id flock, struct tunnel_id tunnel,
    struct bundle_entry *ret)
{
	struct cursor c = cursor_over(b->entries, b->count * BUNDLE_ENTRY_SIZE);
	size_t place;

	if (!bundle_place(b, flock_base(flock), tunnel, &place))
		return false;
	cursor_skip(&c, place * BUNDLE_ENTRY_SIZE);
	return cursor_ok(&c) && bundle_entry_decode(ret, c.at, c.left);
}

/* The part of a bundle between these numbers, without entries of its own. */
static struct bundle
bundle_part(const struct bundle *b, const struct kek_set *in_a, const struct kek_set *in_b)
{
	struct bundle part = *b;

	part.in_a = kek_set_both(&b->in_a, in_a);
	part.in_b = within_one_flock(b) ? part.in_a : kek_set_both(&b->in_b, in_b);
	return part;
}

struct runs {
	const struct bundle *from;
	bool (*run)(void *arg, size_t place, size_t count);
	void *arg;
	size_t place, count; /* of the one that grows */
};

static bool
entry_join_run(void *arg, struct flock_id flock, struct tunnel_id tunnel)
{
	struct runs *r = arg;
	size_t place;

	if (!bundle_place(r->from, flock, tunnel, &place))
		return false;
	if (r->count > 0 && place == r->place + r->count) {
		r->count++;
		return true;
	}
	if (r->count > 0 && !r->run(r->arg, r->place, r->count))
		return false;
	r->place = place;
	r->count = 1;
	return true;
}

bool
bundle_runs(const struct bundle *b, const struct kek_set *in_a, const struct kek_set *in_b,
    bool (*run)(void *arg, size_t place, size_t count), void *arg)
{
	const struct bundle part = bundle_part(b, in_a, in_b);
	struct runs r = { .from = b, .run = run, .arg = arg };

	if (!entries_each(&part, entry_join_run, &r))
		return false;
	return r.count == 0 || run(arg, r.place, r.count);
}

struct copy {
	const struct bundle *from;
	struct writer w;
};

static bool
run_copy(void *arg, size_t place, size_t count)
{
	struct copy *copy = arg;
	struct cursor c = cursor_over(copy->from->entries, copy->from->count * BUNDLE_ENTRY_SIZE);

	cursor_skip(&c, place * BUNDLE_ENTRY_SIZE);
	if (!cursor_ok(&c) || c.left < count * BUNDLE_ENTRY_SIZE)
		return false;
	writer_put(&copy->w, c.at, count * BUNDLE_ENTRY_SIZE);
	return true;
}

size_t
bundle_slice(const struct bundle *b, const struct kek_set *in_a, const struct kek_set *in_b,
    uint8_t *out, size_t size)
{
	struct copy copy = { .from = b, .w = writer_over(out, size) };
	uint8_t head[BUNDLE_HEAD_SIZE];

	bundle_head_encode(&b->head, head);
	writer_put(&copy.w, head, sizeof(head));
	if (!bundle_runs(b, in_a, in_b, run_copy, &copy) || copy.w.failed)
		return 0;
	return size - copy.w.left;
}

int64_t
bundle_ends(uint16_t expires)
{
	return AMBRY_EPOCH + AMBRY_DAY * expires;
}

bool
bundle_expired(uint16_t expires, int64_t now_s)
{
	return bundle_ends(expires) < now_s;
}

void
bundle_head_encode(const struct bundle_head *h, uint8_t out[static BUNDLE_HEAD_SIZE])
{
	struct writer w = writer_over(out, BUNDLE_HEAD_SIZE);

	writer_be16(&w, h->expires);
	writer_be32(&w, h->generation);
	writer_put(&w, h->seed, sizeof(h->seed));
}

void
bundle_entry_encode(const struct bundle_entry *e, uint8_t out[static BUNDLE_ENTRY_SIZE])
{
	struct writer w = writer_over(out, BUNDLE_ENTRY_SIZE);

	writer_be64(&w, e->flock.value);
	writer_be16(&w, e->tunnel.value);
	writer_put(&w, e->key, sizeof(e->key));
	writer_put(&w, e->tag, sizeof(e->tag));
}
