/* SPDX-License-Identifier: ISC */
#include "base/conf.h"

#include "base/endpoint.h"
#include "base/file.h"
#include "base/hex.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CONF_BYTES_MAX (1024 * 1024)
#define OPTIONS_MAX    256

struct loader {
	void *conf;
	const struct conf_option *table;
	const char *name;   /* of the file, for faults */
	const char *folder; /* of the file, with its slash; empty for none */
	bool seen[OPTIONS_MAX];
};

static bool
set_flag(bool *field, const char *word, struct fault *why)
{
	static const char *const yes[] = { "yes", "on", "true" };
	static const char *const no[] = { "no", "off", "false" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(word, yes[i]) == 0) {
			*field = true;
			return true;
		}
		if (strcmp(word, no[i]) == 0) {
			*field = false;
			return true;
		}
	}
	return fault_set(why, "\"%s\" is neither yes nor no", word);
}

static bool
set_uint(uint64_t *field, const struct conf_option *option, const char *word, struct fault *why)
{
	uint64_t value;

	if (word[0] == '\0' || strspn(word, "0123456789") != strlen(word))
		return fault_set(why, "\"%s\" is not a number", word);
	if (!decimal_u64(&value, word, option->max) || value < option->min)
		return fault_set(why, "%s is not within %" PRIu64 " to %" PRIu64, word, option->min,
		    option->max);
	*field = value;
	return true;
}

static bool
set_text(char field[static CONF_TEXT_MAX], const char *folder, const char *word, struct fault *why)
{
	size_t before = strlen(folder), len = strlen(word);

	if (before + len >= CONF_TEXT_MAX)
		return fault_set(why, "longer than %d bytes", CONF_TEXT_MAX - 1);
	memcpy(field, folder, before);
	memcpy(field + before, word, len + 1);
	return true;
}

static bool
set_path(char field[static CONF_TEXT_MAX], const char *folder, const char *word, struct fault *why)
{
	bool relative = word[0] != '\0' && word[0] != '/';

	return set_text(field, relative ? folder : "", word, why);
}

static bool
set_endpoint(struct endpoint *field, const char *word, struct fault *why)
{
	if (!endpoint_parse(field, word))
		return fault_set(why, "\"%s\" is not ADDRESS:PORT or [ADDRESS]:PORT", word);
	return true;
}

/* Puts the words behind a keyword into its field. */
static bool
set_option(const struct loader *l, const struct conf_option *option, char *const *words,
    size_t count, struct fault *why)
{
	void *field = (char *)l->conf + option->offset;

	if (option->type == CONF_PARSE)
		return option->parse(l->conf, words, count, why);
	if (count == 0)
		return fault_set(why, "needs a value");
	if (count > 1)
		return fault_set(why, "takes one value, \"%s\" is too many", words[1]);

	switch (option->type) {
	case CONF_FLAG:
		return set_flag(field, words[0], why);
	case CONF_UINT:
		return set_uint(field, option, words[0], why);
	case CONF_TEXT:
		return set_text(field, "", words[0], why);
	case CONF_PATH:
		return set_path(field, l->folder, words[0], why);
	case CONF_ENDPOINT:
		return set_endpoint(field, words[0], why);
	case CONF_PARSE:
		break;
	}
	return fault_set(why, "has no type");
}

/* Ends the word that begins at *at and moves *at behind it; NULL when it is malformed. */
static char *
take_word(char **at, struct fault *why)
{
	char *word = *at, *end;

	if (*word != '"') {
		end = word + strcspn(word, " \t\"");
		if (*end == '"') {
			fault_set(why, "a quote inside a word");
			return NULL;
		}
	} else {
		end = strchr(++word, '"');
		if (end == NULL) {
			fault_set(why, "a quote is not closed");
			return NULL;
		}
		*end++ = '\0';
		if (*end != '\0' && *end != ' ' && *end != '\t' && *end != '#') {
			fault_set(why, "text follows a closing quote");
			return NULL;
		}
	}
	*at = end;
	if (*end == ' ' || *end == '\t') {
		*end = '\0';
		*at = end + 1;
	}
	return word;
}

/* Cuts line, in place, into words separated by blanks. */
static bool
split(char *line, char *words[static CONF_WORDS_MAX + 1], size_t *count, struct fault *why)
{
	*count = 0;
	for (;;) {
		line += strspn(line, " \t");
		if (*line == '\0' || *line == '#')
			return true;
		if (*count > CONF_WORDS_MAX)
			return fault_set(
			    why, "more than %d words behind the keyword", CONF_WORDS_MAX);
		words[*count] = take_word(&line, why);
		if (words[*count] == NULL)
			return false;
		++*count;
	}
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

static bool
load_line(struct loader *l, char *line, struct fault *why)
{
	char *words[CONF_WORDS_MAX + 1];
	const struct conf_option *option, *twin;
	bool *seen;
	size_t count;

	if (!split(line, words, &count, why))
		return count == 0 ? false : fault_prefix(why, "%s", words[0]);
	if (count == 0)
		return true;
	option = find_option(l->table, words[0]);
	if (option == NULL)
		return fault_set(why, "%s: unknown keyword", words[0]);

	seen = &l->seen[option - l->table];
	if (*seen && !option->repeats)
		return fault_set(why, "%s: given twice", option->keyword);
	twin = find_twin(l, option);
	if (twin != NULL)
		return fault_set(
		    why, "%s: says the same as %s above", option->keyword, twin->keyword);
	*seen = true;
	if (!set_option(l, option, words + 1, count - 1, why))
		return fault_prefix(why, "%s", option->keyword);
	return true;
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
	ok = split(copy, words, &count, why) && set_option(l, option, words, count, why);
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

	if (!load_fallbacks(l, false, why))
		return false;
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
	return load_fallbacks(l, true, why) && check_required(l, why);
}

bool
conf_load(void *conf, const struct conf_option *table, const char *path, struct fault *why)
{
	struct loader l = { .conf = conf, .table = table, .name = path };
	const char *slash = strrchr(path, '/');
	uint8_t *text;
	char *folder;
	size_t len;
	bool ok;

	if (!file_read(&text, &len, path, CONF_BYTES_MAX, why))
		return false;
	if (memchr(text, '\0', len) != NULL) {
		free(text);
		return fault_set(why, "%s: holds a zero byte, so it is not text", path);
	}
	folder = strndup(path, slash == NULL ? 0 : (size_t)(slash - path) + 1);
	l.folder = folder;
	ok = folder != NULL ? load_lines(&l, (char *)text, why) : fault_set(why, "out of memory");
	free(folder);
	free(text);
	return ok;
}

bool
conf_load_text(void *conf, const struct conf_option *table, const char *name, const char *text,
    struct fault *why)
{
	struct loader l = { .conf = conf, .table = table, .name = name, .folder = "" };
	char *copy = strdup(text);
	bool ok;

	if (copy == NULL)
		return fault_set(why, "out of memory");
	ok = load_lines(&l, copy, why);
	free(copy);
	return ok;
}

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
