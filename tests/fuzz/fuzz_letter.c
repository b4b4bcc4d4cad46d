/* SPDX-License-Identifier: ISC */
/* The inside of a letter: what was read is written and read the same. */
#include "protocol/wire/letter.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void
expect_round(const struct letter_leaf *leaf)
{
	uint8_t once[LETTER_LEAF_MAX];
	struct writer w = writer_over(once, sizeof(once));
	struct letter_leaf again;
	struct cursor c;

	letter_leaf_write(&w, leaf);
	fuzz_expect(!w.failed);
	c = cursor_over(once, sizeof(once) - w.left);
	letter_leaf_read(&c, &again);
	fuzz_expect(cursor_done(&c));
	fuzz_expect(again.src.value == leaf->src.value && again.dst.value == leaf->dst.value);
	fuzz_expect(again.device.value == leaf->device.value);
	fuzz_expect(again.is_signed == leaf->is_signed);
	fuzz_expect(memcmp(again.data, leaf->data, sizeof(again.data)) == 0);
	fuzz_expect(memcmp(again.extra, leaf->extra, sizeof(again.extra)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor c = cursor_over(data, len);
	struct letter_head head;

	letter_head_read(&c, &head);
	while (c.left > 0 && cursor_ok(&c)) {
		struct letter_leaf leaf;

		letter_leaf_read(&c, &leaf);
		if (cursor_ok(&c))
			expect_round(&leaf);
	}
	return 0;
}
