/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/lines.h"

#include <string.h>

#define LINE_END 2 /* CR and LF */

static bool
is_visible(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

void
lines_target(struct lines *l, const char *target)
{
	*l = (struct lines){
		.target = target, .target_len = strlen(target), .visible = is_visible(target)
	};
}

void
lines_begin(struct lines *l, const char *method, const char *version)
{
	if (l->visible && l->target == method + strlen(method) + 1 &&
	    version == l->target + l->target_len + 1)
		l->next = version + strlen(version) + LINE_END;
}

/* Are there only blanks between a name's colon and its value? */
static bool
follows(const char *name, const char *value)
{
	const char *at = name + strlen(name) + 1;

	while (at < value && (*at == ' ' || *at == '\t'))
		at++;
	return at == value;
}

void
lines_field(struct lines *l, const char *name, const char *value)
{
	bool sound = l->next != NULL && name == l->next && follows(name, value);

	l->next = sound ? value + strlen(value) + LINE_END : NULL;
}

bool
lines_end(const struct lines *l, const char *end)
{
	return l->next != NULL && end == l->next + LINE_END;
}
