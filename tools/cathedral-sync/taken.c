/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/taken.h"

#include <string.h>

static bool
goes_on(const struct taken *t, const struct registry_db_state *held)
{
	size_t last = (t->count - 1) % TAKEN_PAGES;

	return t->count > 0 && strcmp(t->database, held->database) == 0 &&
	       held->version >= t->pages[last].version && held->until >= t->pages[last].until;
}

void
taken_note(struct taken *t, const struct registry_db_state *held)
{
	if (!goes_on(t, held)) {
		memcpy(t->database, held->database, sizeof(t->database));
		t->count = 0;
		t->until = 0;
	} else if (t->pages[(t->count - 1) % TAKEN_PAGES].version == held->version) {
		t->count--; /* there was nothing in it to read */
	}
	t->pages[t->count % TAKEN_PAGES].version = held->version;
	t->pages[t->count % TAKEN_PAGES].until = held->until;
	t->count++;
}

uint64_t
taken_until(struct taken *t, uint64_t version)
{
	size_t there = t->count < TAKEN_PAGES ? t->count : TAKEN_PAGES;

	for (size_t i = 1; i <= there; i++) {
		size_t at = (t->count - i) % TAKEN_PAGES;

		if (t->pages[at].version > version)
			continue;
		t->until = t->pages[at].until;
		break;
	}
	return t->until;
}
