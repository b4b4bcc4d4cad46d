/* SPDX-License-Identifier: ISC */
/* Packets that wait, in chains of cells. */
#include "cathedral/relay/share_inside.h"

#include <string.h>

uint32_t
parcel_cells(size_t len)
{
	return (uint32_t)((sizeof(struct parcel) + len + CELL_BYTES - 1) / CELL_BYTES);
}

static uint32_t
cell_new(struct share *s)
{
	uint32_t n = s->free_cell;

	s->cells_left--;
	if (n == 0)
		return ++s->cells_used;
	s->free_cell = s->cells[n].next;
	return n;
}

uint32_t
parcel_store(struct share *s, const struct parcel *parcel, const uint8_t *bytes)
{
	uint32_t first = cell_new(s), at = first;
	size_t begin = sizeof(*parcel), left = parcel->len;

	memcpy(s->cells[first].bytes, parcel, sizeof(*parcel));
	s->cells[first].after = 0;
	for (;;) {
		size_t part = left < CELL_BYTES - begin ? left : CELL_BYTES - begin;

		memcpy(s->cells[at].bytes + begin, bytes, part);
		s->cells[at].next = 0;
		bytes += part;
		left -= part;
		begin = 0;
		if (left == 0)
			return first;
		at = s->cells[at].next = cell_new(s);
	}
}

struct parcel
parcel_of(const struct share *s, uint32_t first)
{
	struct parcel p;

	memcpy(&p, s->cells[first].bytes, sizeof(p));
	return p;
}

void
parcel_load(const struct share *s, uint32_t first, size_t left, uint8_t *bytes)
{
	size_t begin = sizeof(struct parcel);

	for (uint32_t at = first; left > 0; at = s->cells[at].next) {
		size_t part = left < CELL_BYTES - begin ? left : CELL_BYTES - begin;

		memcpy(bytes, s->cells[at].bytes + begin, part);
		bytes += part;
		left -= part;
		begin = 0;
	}
}

void
parcel_free(struct share *s, uint32_t first)
{
	uint32_t last = first, count = 1;

	for (; s->cells[last].next != 0; last = s->cells[last].next)
		count++;
	s->cells[last].next = s->free_cell;
	s->free_cell = first;
	s->cells_left += count;
}
