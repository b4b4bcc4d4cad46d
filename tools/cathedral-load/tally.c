/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/tally.h"

static bool
take_higher(struct tally *t, uint64_t number)
{
	uint64_t step = number - t->highest;

	t->seen = step < TALLY_WINDOW ? t->seen << step | 1 : 1;
	t->highest = number;
	t->received++;
	return true;
}

bool
tally_take(struct tally *t, uint64_t number)
{
	uint64_t behind;

	if (number > t->highest)
		return take_higher(t, number);
	behind = t->highest - number;
	if (behind >= TALLY_WINDOW || (t->seen >> behind & 1) != 0) {
		t->duplicates++;
		return false;
	}
	t->seen |= UINT64_C(1) << behind;
	t->reordered++;
	t->received++;
	return true;
}
