/* SPDX-License-Identifier: ISC */
#include "tests/support/bundles.h"

#include "protocol/wire/bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t *
entry_write(uint8_t *at, struct flock_id flock, struct tunnel_id tunnel)
{
	struct bundle_entry e = { .flock = flock, .tunnel = tunnel, .key = { 0x77 } };

	bundle_entry_encode(&e, at);
	return at + BUNDLE_ENTRY_SIZE;
}

static struct bundle_head
head_of(uint32_t generation, int64_t now_s, unsigned days)
{
	struct bundle_head head = { .generation = generation,
		.expires = (uint16_t)((now_s - AMBRY_EPOCH) / AMBRY_DAY + days) };

	memset(head.seed, 0x33, sizeof(head.seed));
	return head;
}

struct made_bundle
bundle_make(struct flock_id first, struct flock_id second, uint32_t generation, int64_t now_s,
    unsigned days)
{
	struct bundle_head head = head_of(generation, now_s, days);
	bool one = flock_equal(first, second);
	struct made_bundle m = { .len = one ? BUNDLE_ONE_FLOCK_SIZE : BUNDLE_TWO_FLOCKS_SIZE };
	uint8_t *at = m.bytes = malloc(m.len);

	assert_non_null(at);
	bundle_head_encode(&head, at);
	at += BUNDLE_HEAD_SIZE;
	for (unsigned x = 1; x <= KEK_NUMBER_MAX; x++) {
		for (unsigned y = one ? x + 1 : 1; y <= KEK_NUMBER_MAX; y++) {
			struct tunnel_id tunnel = tunnel_between((uint8_t)x, (uint8_t)y);

			at = entry_write(at, first, tunnel);
			at = entry_write(at, second, tunnel_reverse(tunnel));
		}
	}
	assert_ptr_equal(at, m.bytes + m.len);
	return m;
}

/* The generation stands behind the expiry. */
void
bundle_renumber(struct made_bundle *m, uint32_t generation)
{
	for (int i = 0; i < 4; i++)
		m->bytes[2 + i] = (uint8_t)(generation >> (24 - 8 * i));
}

/* An entry begins with its flock. */
void
bundle_rename(struct made_bundle *m, struct flock_id flock)
{
	for (size_t at = BUNDLE_HEAD_SIZE; at < m->len; at += BUNDLE_ENTRY_SIZE) {
		for (int i = 0; i < 8; i++)
			m->bytes[at + (size_t)i] = (uint8_t)(flock.value >> (56 - 8 * i));
	}
}
