/* SPDX-License-Identifier: ISC */
#include "base/conf.h"

#include "base/conf_values.h"
#include "base/conf_words.h"
#include "base/file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CONF_BYTES_MAX (1024 * 1024)
#define OPTIONS_MAX    256

/* What speaks first is heard: the others are read in this order, and do not override it. */
enum layer { LAYER_NONE = 0, LAYER_GIVEN, LAYER_ENV, LAYER_FILE };

struct loader {
	void *conf;
	const struct conf_option *table;
	const char *name;   /* of the file, for faults */
	const char *folder; /* of the file, with its slash; empty for none */
	enum layer layer;   /* that is being read */
	enum layer seen[OPTIONS_MAX];
};

/* Puts the words behind a keyword into its field. */
static bool
set_option(const struct loader *l, const struct conf_option *option, char *const *words,
    size_t count, struct fault *why)
{
	bool elsewhere = l->layer == LAYER_GIVEN || l->layer == LAYER_ENV;
	const char *folder = elsewhere ? "" : l->folder;
	void *field = (char *)l->conf + option->offset;

	if (option->type == CONF_PARSE)
		return option->parse(l->conf, words, count, why);
	if (count == 0)
		return fault_set(why, "needs a value");
	if (count > 1)
		return fault_set(why, "takes one value, \"%s\" is too many", words[1]);

	return conf_set_value(field, option, folder, words[0], why);
}

static const struct conf_option *
find_option(const struct conf_option *table, const char *keyword)
{
	for (; table->keyword != NULL; table++) {
		if (strcmp(table->keyword, keyword) == 0)
			return table;
	}
	return NULL;
}

/* A row over the same field whose line came before, or NULL: two words for one thing. */
static const struct conf_option *
find_twin(const struct loader *l, const struct conf_option *option)
{
	if (option->type == CONF_PARSE)
		return NULL;
	for (const struct conf_option *o = l->table; o->keyword != NULL; o++) {
		if (o != option && o->type != CONF_PARSE && o->offset == option->offset &&
		    l->seen[o - l->table])
			return o;
	}
	return NULL;
}

/* The words of one layer: errors there, unless a layer before it said something else. */
static bool
take_option(struct loader *l, const struct conf_option *option, char *const *words, size_t count,
    struct fault *why)
{
	const struct conf_option *twin = find_twin(l, option);
	enum layer *seen = &l->seen[option - l->table];

	if (*seen == l->layer && !option->repeats)
		return fault_set(why, "given twice");
	if (*seen != LAYER_NONE && *seen != l->layer)
		return true;
	if (twin != NULL && l->seen[twin - l->table] != l->layer)
		return true;
	if (twin != NULL)
		return fault_set(why, "says the same as %s above", twin->keyword);
	*seen = l->layer;
	return set_option(l, option, words, count, why);
}

static bool
load_line(struct loader *l, char *line, struct fault *why)
{
	char *words[CONF_WORDS_MAX + 1];
	const struct conf_option *option;
	size_t count;

	if (!conf_split(line, words, &count, why))
		return count == 0 ? false : fault_prefix(why, "%s", words[0]);
	if (count == 0)
		return true;
	option = find_option(l->table, words[0]);
	if (option == NULL)
		return fault_set(why, "%s: unknown keyword", words[0]);
	return take_option(l, option, words + 1, count - 1, why) ||
	       fault_prefix(why, "%s", option->keyword);
}

/* What stands outside of a file; only parsers take it apart into words.  Cut up in place. */
static bool
load_value(struct loader *l, const struct conf_option *option, char *value, struct fault *why)
{
	char *words[CONF_WORDS_MAX + 1] = { value };
	size_t count = 1;

	if (option->type == CONF_PARSE && !conf_split(value, words, &count, why))
		return false;
	if (count > CONF_WORDS_MAX)
		return fault_set(why, "more than %d words", CONF_WORDS_MAX);
	return take_option(l, option, words, count, why);
}

/* A fallback is our own text, so its fault names the keyword only. */
static bool
load_fallback(const struct loader *l, const struct conf_option *option, struct fault *why)
{
	char *words[CONF_WORDS_MAX + 1];
	char *copy = strdup(option->fallback);
	size_t count;
	bool ok;

	if (copy == NULL)
		return fault_set(why, "out of memory");
	ok = conf_split(copy, words, &count, why) && set_option(l, option, words, count, why);
	free(copy);
	return ok || fault_prefix(why, "fallback of %s", option->keyword);
}

/*
 * What may be given once is overwritten by its line.  What repeats adds up, so its fallback has to
 * wait until it is clear that there was no line.
 */
static bool
load_fallbacks(const struct loader *l, bool repeating, struct fault *why)
{
	for (const struct conf_option *o = l->table; o->keyword != NULL; o++) {
		assert(o - l->table < OPTIONS_MAX);
		if (o->fallback == NULL || o->fallback[0] == '\0' || o->repeats != repeating)
			continue;
		if (!l->seen[o - l->table] && !load_fallback(l, o, why))
			return false;
	}
	return true;
}

static bool
check_required(const struct loader *l, struct fault *why)
{
	for (const struct conf_option *o = l->table; o->keyword != NULL; o++) {
		if (o->required && !l->seen[o - l->table] && find_twin(l, o) == NULL)
			return fault_set(why, "%s: %s: required but missing", l->name, o->keyword);
	}
	return true;
}

/* text is cut up in place. */
static bool
load_lines(struct loader *l, char *text, struct fault *why)
{
	size_t number = 1;

	l->layer = LAYER_FILE;
	for (char *line = text; line != NULL; number++) {
		char *end = strchr(line, '\n'), *next = NULL;

		if (end != NULL) {
			next = end + 1;
			if (end > line && end[-1] == '\r')
				end--;
			*end = '\0';
		}
		if (!load_line(l, line, why))
			return fault_prefix(why, "%s:%zu", l->name, number);
		line = next;
	}
	return true;
}

static bool
load_given(struct loader *l, const char *const *given, struct fault *why)
{
	l->layer = LAYER_GIVEN;
	for (; given[0] != NULL; given += 2) {
		const struct conf_option *option = find_option(l->table, given[0]);
		char *value;
		bool ok;

		if (option == NULL)
			return fault_set(why, "--%s: unknown option", given[0]);
		value = strdup(given[1]);
		ok = value != NULL ? load_value(l, option, value, why)
				   : fault_set(why, "out of memory");
		free(value);
		if (!ok)
			return fault_prefix(why, "--%s", given[0]);
	}
	return true;
}

/* A variable's lines, for options that repeat.  Cut up in place. */
static bool
load_variable(struct loader *l, const char *name, char *value, struct fault *why)
{
	const struct conf_option *option = find_option(l->table, name);
	char *line;

	if (option == NULL)
		return fault_set(why, "there is no option \"%s\"", name);
	if (!option->repeats)
		return value[0] == '\0' || load_value(l, option, value, why);
	while ((line = strsep(&value, "\n")) != NULL) {
		if (line[strspn(line, " \t")] != '\0' && !load_value(l, option, line, why))
			return false;
	}
	return true;
}

static bool
load_env(struct loader *l, const char *prefix, char *const *env, struct fault *why)
{
	size_t len = strlen(prefix);

	l->layer = LAYER_ENV;
	for (; *env != NULL; env++) {
		char *copy, *value;
		bool ok;

		if (strncmp(*env, prefix, len) != 0 || strchr(*env, '=') == NULL)
			continue;
		copy = strdup(*env + len);
		if (copy == NULL)
			return fault_set(why, "out of memory");
		value = strchr(copy, '=');
		*value++ = '\0';
		for (char *c = copy; *c != '\0'; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
		ok = load_variable(l, copy, value, why);
		free(copy);
		if (!ok)
			return fault_prefix(why, "%.*s", (int)strcspn(*env, "="), *env);
	}
	return true;
}

/* The layers, highest first; text may be NULL, and is cut up in place. */
static bool
load_layers(struct loader *l, const struct conf_sources *from, char *text, struct fault *why)
{
	if (!load_fallbacks(l, false, why))
		return false;
	if (from->given != NULL && !load_given(l, from->given, why))
		return false;
	if (from->env != NULL && !load_env(l, from->env_prefix, from->env, why))
		return false;
	if (text != NULL && !load_lines(l, text, why))
		return false;
	return load_fallbacks(l, true, why) && check_required(l, why);
}

bool
conf_load_sources(
    void *conf, const struct conf_option *table, const struct conf_sources *from, struct fault *why)
{
	struct loader l = { .conf = conf, .table = table, .name = from->path };
	const char *slash;
	uint8_t *text;
	char *folder;
	size_t len;
	bool ok;

	if (from->path == NULL) {
		l.name = "configuration";
		l.folder = "";
		return load_layers(&l, from, NULL, why);
	}
	if (!file_read(&text, &len, from->path, CONF_BYTES_MAX, why))
		return false;
	if (memchr(text, '\0', len) != NULL) {
		free(text);
		return fault_set(why, "%s: holds a zero byte, so it is not text", from->path);
	}
	slash = strrchr(from->path, '/');
	folder = strndup(from->path, slash == NULL ? 0 : (size_t)(slash - from->path) + 1);
	l.folder = folder;
	ok = folder != NULL ? load_layers(&l, from, (char *)text, why)
			    : fault_set(why, "out of memory");
	free(folder);
	free(text);
	return ok;
}

bool
conf_load(void *conf, const struct conf_option *table, const char *path, struct fault *why)
{
	const struct conf_sources from = { .path = path };

	return conf_load_sources(conf, table, &from, why);
}

bool
conf_load_text(void *conf, const struct conf_option *table, const char *name, const char *text,
    struct fault *why)
{
	struct loader l = { .conf = conf, .table = table, .name = name, .folder = "" };
	const struct conf_sources none = { .path = NULL };
	char *copy = strdup(text);
	bool ok;

	if (copy == NULL)
		return fault_set(why, "out of memory");
	ok = load_layers(&l, &none, copy, why);
	free(copy);
	return ok;
}
