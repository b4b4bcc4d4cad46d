/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/shared_text.h"

#include <stdatomic.h>
#include <stdlib.h>

struct shared_text {
	_Atomic unsigned holders;
	struct json_text text;
};

struct shared_text *
shared_text_make(struct json_text *t)
{
	struct shared_text *s = malloc(sizeof(*s));

	if (!json_text_end(t) || s == NULL) {
		json_text_free(t);
		free(s);
		return NULL;
	}
	atomic_init(&s->holders, 1);
	s->text = *t;
	*t = (struct json_text){ .secret = t->secret };
	return s;
}

struct shared_text *
shared_text_hold(struct shared_text *s)
{
	atomic_fetch_add(&s->holders, 1);
	return s;
}

void
shared_text_release(struct shared_text *s)
{
	if (s == NULL || atomic_fetch_sub(&s->holders, 1) > 1)
		return;
	json_text_free(&s->text);
	free(s);
}

const char *
shared_text_bytes(const struct shared_text *s)
{
	return s->text.text;
}

size_t
shared_text_len(const struct shared_text *s)
{
	return s->text.len;
}

bool
shared_text_secret(const struct shared_text *s)
{
	return s->text.secret;
}
