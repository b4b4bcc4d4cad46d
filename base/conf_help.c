/* SPDX-License-Identifier: ISC */
#include "base/conf.h"

#include <inttypes.h>
#include <string.h>

static const char *
arguments_of(const struct conf_option *option)
{
	return option->arguments == NULL ? "" : option->arguments;
}

static int
head_width(const struct conf_option *option)
{
	return (int)(strlen(option->keyword) + 1 + strlen(arguments_of(option)));
}

void
conf_print_help(FILE *to, const struct conf_option *table)
{
	int width = 0;

	for (const struct conf_option *o = table; o->keyword != NULL; o++) {
		if (head_width(o) > width)
			width = head_width(o);
	}
	for (const struct conf_option *o = table; o->keyword != NULL; o++) {
		fprintf(to, "  %s %s%*s  %s", o->keyword, arguments_of(o), width - head_width(o),
		    "", o->help);
		if (o->type == CONF_UINT && o->max != UINT64_MAX)
			fprintf(to, " (%" PRIu64 " to %" PRIu64 ")", o->min, o->max);
		if (o->required)
			fputs(" (required)", to);
		if (o->repeats)
			fputs(" (repeatable)", to);
		if (o->fallback != NULL && o->fallback[0] != '\0')
			fprintf(to, " [%s]", o->fallback);
		fputc('\n', to);
	}
}
