/* SPDX-License-Identifier: ISC */
#include "base/conf.h"

#include "base/conf_values.h"

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

static void
print_range(FILE *to, const struct conf_option *option)
{
	char least[CONF_SCALED], most[CONF_SCALED];

	if (option->type == CONF_UINT && option->max != UINT64_MAX)
		fprintf(to, " (%" PRIu64 " to %" PRIu64 ")", option->min, option->max);
	if (option->type == CONF_TIME || option->type == CONF_SIZE)
		fprintf(to, " (%s to %s)", conf_format_scaled(least, option->type, option->min),
		    conf_format_scaled(most, option->type, option->max));
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
		print_range(to, o);
		if (o->required)
			fputs(" (required)", to);
		if (o->repeats)
			fputs(" (repeatable)", to);
		if (o->fallback != NULL && o->fallback[0] != '\0')
			fprintf(to, " [%s]", o->fallback);
		fputc('\n', to);
	}
}
