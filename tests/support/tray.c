/* SPDX-License-Identifier: ISC */
#include "tests/support/tray.h"

#include <string.h>

static void
keep(struct sender *sender, struct packet *const *packets, size_t count)
{
	struct tray *t = (struct tray *)sender;

	t->calls++;
	for (size_t n = 0; n < count; n++) {
		struct sent *s = &t->sent[t->count];

		if (t->count++ >= TRAY_MAX)
			continue;
		s->to = packets[n]->to;
		s->listener = packets[n]->to_listener;
		s->len = packets[n]->len;
		memcpy(s->bytes, packets[n]->head, packets[n]->len);
	}
}

void
tray_init(struct tray *t)
{
	t->sender.send = keep;
	tray_empty(t);
}

void
tray_empty(struct tray *t)
{
	t->count = t->calls = 0;
}
