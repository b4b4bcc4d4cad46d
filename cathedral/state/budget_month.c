/* SPDX-License-Identifier: ISC */
/* Which month is counted for, and which ones are remembered. */
#include "base/month.h"
#include "cathedral/state/budget_inside.h"

static unsigned
find_place(const struct budget *b, uint32_t month)
{
	unsigned n = 0;

	while (n < b->month_count && b->months[n] != month)
		n++;
	return n;
}

static unsigned
latest_place(const struct budget *b)
{
	unsigned latest = 0;

	for (unsigned n = 1; n < b->month_count; n++) {
		if (b->months[n] > b->months[latest])
			latest = n;
	}
	return latest;
}

static unsigned
earliest_place(const struct budget *b)
{
	unsigned earliest = 0;

	for (unsigned n = 1; n < b->month_count; n++) {
		if (b->months[n] < b->months[earliest])
			earliest = n;
	}
	return earliest;
}

static bool
clear_entry(void *entry, void *arg)
{
	struct account *a = entry;
	const unsigned *place = arg;

	a->used[*place] = 0;
	return false;
}

/* Nobody has used anything of the month that gets this place. */
static void
clear_place(struct budget *b, unsigned place)
{
	struct table_shard *s;

	b->host.used[place] = b->others.used[place] = 0;
	for (unsigned n = 0; (s = table_lock_nth(b->flocks, n)) != NULL; n++) {
		table_walk(s, clear_entry, &place);
		table_unlock(s);
	}
}

unsigned
budget_place(struct budget *b, uint32_t month)
{
	unsigned place = find_place(b, month);

	if (place < b->month_count)
		return place;
	if (place < BUDGET_MONTHS) {
		b->month_count++;
	} else {
		place = earliest_place(b);
		if (b->months[place] > month)
			return BUDGET_MONTHS;
		clear_place(b, place);
	}
	b->months[place] = month;
	return place;
}

/* A clock that is set back before all that was ever counted is wrong. */
static unsigned
place_by_clock(struct budget *b, uint32_t month)
{
	if (b->month_count > 0 && month < b->months[earliest_place(b)])
		return b->begun ? b->at : latest_place(b);
	return budget_place(b, month);
}

bool
budget_turn(struct budget *b, int64_t wall_s)
{
	uint32_t before = b->months[b->at];
	unsigned place = place_by_clock(b, month_of(wall_s));
	bool turned = b->begun && b->months[place] != before;

	/* What was sent until now is the month's that ends. */
	if (turned)
		budget_collect(b);
	b->at = place;
	b->begun = true;
	return turned;
}
