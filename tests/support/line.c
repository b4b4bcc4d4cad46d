/* SPDX-License-Identifier: ISC */
#include "tests/support/line.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MILLION 1000000

struct slot {
	uint64_t due_ns;
	uint64_t turn; /* packets due at the same time keep their order */
	size_t len;
	uint8_t bytes[LINE_PACKET_MAX];
};

struct line {
	struct random *random;
	struct line_faults faults;
	struct line_counts counts;
	uint64_t turn;
	size_t capacity, waiting;
	struct slot *slots;
	uint32_t *heap; /* numbers of slots: the first waiting ones a heap by due time, then free */
};

struct line *
line_create(size_t capacity, struct random *random)
{
	struct line *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->random = random;
	l->capacity = capacity;
	l->slots = calloc(capacity, sizeof(*l->slots));
	l->heap = calloc(capacity, sizeof(*l->heap));
	if (l->slots == NULL || l->heap == NULL) {
		line_destroy(l);
		return NULL;
	}
	for (size_t i = 0; i < capacity; i++)
		l->heap[i] = (uint32_t)i;
	return l;
}

void
line_destroy(struct line *l)
{
	if (l == NULL)
		return;
	free(l->slots);
	free(l->heap);
	free(l);
}

struct line_faults *
line_faults(struct line *l)
{
	return &l->faults;
}

const struct line_counts *
line_counts(const struct line *l)
{
	return &l->counts;
}

/* Whether the packet at place a of the heap comes out before the one at b. */
static bool
before(const struct line *l, size_t a, size_t b)
{
	const struct slot *x = &l->slots[l->heap[a]], *y = &l->slots[l->heap[b]];

	return x->due_ns != y->due_ns ? x->due_ns < y->due_ns : x->turn < y->turn;
}

static void
swap(struct line *l, size_t a, size_t b)
{
	uint32_t number = l->heap[a];

	l->heap[a] = l->heap[b];
	l->heap[b] = number;
}

static void
sift_up(struct line *l, size_t at)
{
	while (at > 0 && before(l, at, (at - 1) / 2)) {
		swap(l, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void
sift_down(struct line *l)
{
	size_t at = 0, child;

	while ((child = 2 * at + 1) < l->waiting) {
		if (child + 1 < l->waiting && before(l, child + 1, child))
			child++;
		if (before(l, at, child))
			return;
		swap(l, at, child);
		at = child;
	}
}

static void
queue(struct line *l, const uint8_t *packet, size_t len, uint64_t now_ns)
{
	struct slot *s;

	if (l->waiting == l->capacity) {
		l->counts.full++;
		return;
	}
	s = &l->slots[l->heap[l->waiting]];
	s->due_ns = now_ns + l->faults.delay_ms * NS_PER_MS;
	if (l->faults.jitter_ms > 0)
		s->due_ns += random_u64(l->random) % (l->faults.jitter_ms * NS_PER_MS);
	s->turn = l->turn++;
	s->len = len;
	memcpy(s->bytes, packet, len);
	sift_up(l, l->waiting++);
}

void
line_put(struct line *l, const uint8_t *packet, size_t len, uint64_t now_ns)
{
	assert(len <= LINE_PACKET_MAX);
	l->counts.in++;
	if (l->faults.down || random_below(l->random, MILLION) < l->faults.loss) {
		l->counts.lost++;
		return;
	}
	queue(l, packet, len, now_ns);
	if (random_below(l->random, MILLION) < l->faults.duplicate) {
		l->counts.duplicated++;
		queue(l, packet, len, now_ns);
	}
}

uint64_t
line_next_ns(const struct line *l)
{
	return l->waiting > 0 ? l->slots[l->heap[0]].due_ns : UINT64_MAX;
}

size_t
line_take(struct line *l, uint64_t now_ns, uint8_t out[static LINE_PACKET_MAX])
{
	const struct slot *s;

	if (line_next_ns(l) > now_ns)
		return 0;
	s = &l->slots[l->heap[0]];
	memcpy(out, s->bytes, s->len);
	swap(l, 0, --l->waiting);
	sift_down(l);
	l->counts.out++;
	return s->len;
}
