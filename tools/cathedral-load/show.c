/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/show.h"

#include <stdio.h>
#include <string.h>

static void
print_json(const char *what, json_t *figures)
{
	json_t *line = json_pack("{s:s}", "what", what);

	json_object_update(line, figures);
	json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(line);
}

/* As people read it; returns text. */
static const char *
value_text_of(const json_t *value, char text[static 32])
{
	if (json_is_integer(value))
		snprintf(text, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		snprintf(text, 32, json_real_value(value) < 100 ? "%.3f" : "%.0f",
		    json_real_value(value));
	else if (json_is_string(value))
		snprintf(text, 32, "%s", json_string_value(value));
	else
		snprintf(text, 32, json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-");
	return text;
}

static void
print_lines(json_t *figures, const char *indent)
{
	const char *name;
	json_t *value;
	char text[32];

	json_object_foreach(figures, name, value)
	{
		if (!json_is_object(value)) {
			printf("%s%-28s %14s\n", indent, name, value_text_of(value, text));
			continue;
		}
		printf("%s%s\n", indent, name);
		print_lines(value, "    ");
	}
}

void
show_figures(bool json, const char *what, json_t *figures)
{
	if (json) {
		print_json(what, figures);
	} else {
		printf("%s\n", what);
		print_lines(figures, "  ");
	}
	fflush(stdout);
	json_decref(figures);
}

/* Columns as wide as their names, and as their values ever become. */
static int
width_of(const char *name)
{
	int width = (int)strlen(name);

	return width > 9 ? width : 9;
}

void
show_row(bool json, const char *what, json_t *figures, bool first)
{
	const char *name;
	json_t *value;
	char text[32];

	if (json) {
		print_json(what, figures);
		fflush(stdout);
		json_decref(figures);
		return;
	}
	if (first) {
		puts(what);
		json_object_foreach(figures, name, value) printf("  %*s", width_of(name), name);
		putchar('\n');
	}
	json_object_foreach(figures, name, value)
	    printf("  %*s", width_of(name), value_text_of(value, text));
	putchar('\n');
	fflush(stdout);
	json_decref(figures);
}

bool
show_end(void)
{
	return fflush(stdout) == 0 && ferror(stdout) == 0;
}

void
figure_count(json_t *figures, const char *name, uint64_t value)
{
	json_object_set_new(figures, name, json_integer((json_int_t)value));
}

void
figure_real(json_t *figures, const char *name, double value)
{
	json_object_set_new(figures, name, json_real(value));
}

void
figure_times(json_t *figures, const char *name, const struct histogram *h)
{
	static const struct {
		const char *suffix;
		double part;
	} parts[] = { { "p50_us", 0.5 }, { "p99_us", 0.99 }, { "max_us", 1 } };
	char text[64];

	for (size_t n = 0; n < sizeof(parts) / sizeof(parts[0]); n++) {
		snprintf(text, sizeof(text), "%s_%s", name, parts[n].suffix);
		figure_real(figures, text, (double)histogram_quantile(h, parts[n].part) / 1000);
	}
}
