/* SPDX-License-Identifier: ISC */
/*
 * Bundles.  The input is four KEK numbers of the first flock, four of the second (0: none), then
 * the bundle; the flocks are those that the bundle itself names.
 */
#include "protocol/wire/bundle.h"
#include "protocol/wire/cursor.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static struct kek_set
set_read(struct cursor *c)
{
	struct kek_set s = { { 0 } };

	for (unsigned i = 0; i < 4; i++)
		kek_set_add(&s, cursor_u8(c));
	return s;
}

/* As many entries as there are can be found, and each is the one that was asked for. */
static void
expect_finds(const struct bundle *b)
{
	struct flock_id flocks[2] = { b->a, b->b };
	size_t found = 0;

	for (unsigned f = flock_equal(b->a, b->b); f < 2; f++)
		for (unsigned t = 0; t <= UINT16_MAX; t++) {
			struct tunnel_id tunnel = { (uint16_t)t };
			struct bundle_entry e;

			if (!bundle_find(b, flocks[f], tunnel, &e))
				continue;
			fuzz_expect(flock_equal(e.flock, flocks[f]));
			fuzz_expect(e.tunnel.value == tunnel.value);
			found++;
		}
	fuzz_expect(found == b->count);
}

/* By all numbers a bundle is its own slice; by fewer the slice is a bundle. */
static void
expect_slices(const struct bundle *b, const uint8_t *bytes, size_t len)
{
	struct kek_set all = kek_set_all(), few = { { 0 } }, in_a, in_b;
	bool one_flock = flock_equal(b->a, b->b);
	uint8_t *slice = malloc(len);
	struct bundle part;
	struct fault why;
	size_t size;

	fuzz_expect(slice != NULL);
	fuzz_expect(bundle_slice(b, &all, &all, slice, len) == len);
	fuzz_expect(memcmp(slice, bytes, len) == 0);
	fuzz_expect(bundle_slice(b, &all, &all, slice, len - 1) == 0);

	for (unsigned i = 1; i <= 255; i += 2)
		kek_set_add(&few, (uint8_t)i);
	in_a = kek_set_both(&few, &b->in_a);
	in_b = kek_set_both(&few, &b->in_b);
	size = bundle_size(one_flock, &in_a, &in_b);
	fuzz_expect(bundle_slice(b, &few, &few, slice, len) == size);
	fuzz_expect(bundle_parse(&part, slice, size, b->a, b->b, &in_a, &in_b, &why));
	free(slice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor c = cursor_over(data, len);
	struct kek_set in_a = set_read(&c), in_b = set_read(&c);
	struct flock_id first = { 0 }, second = { 0 };
	struct bundle b;
	struct fault why;

	if (!cursor_ok(&c))
		return 0;
	(void)bundle_peek(c.at, c.left, &first, &second);
	(void)bundle_parse_whole(&b, c.at, c.left, first, second, &why);

	if (bundle_parse(&b, c.at, c.left, first, second, &in_a, &in_b, &why)) {
		expect_finds(&b);
		expect_slices(&b, c.at, c.left);
	} else {
		fuzz_expect(why.text[0] != '\0');
	}
	/* The same with the flocks the other way round; in_a stays with its flock. */
	if (bundle_parse(&b, c.at, c.left, second, first, &in_b, &in_a, &why))
		expect_finds(&b);
	return 0;
}
