/* SPDX-License-Identifier: ISC */
/*
 * Configuration by one option table: a file of "keyword value ..." lines ('#' begins a comment)
 * becomes a struct.  A new option is a field and a row.  Errors name file, line and keyword.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/fault.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONF_WORDS_MAX 16
#define CONF_TEXT_MAX  256 /* char field[CONF_TEXT_MAX] for CONF_TEXT and CONF_PATH */

enum conf_type {
	CONF_FLAG,     /* bool: yes no on off true false */
	CONF_UINT,     /* uint64_t within min .. max */
	CONF_TIME,     /* uint64_t seconds within min .. max: 90s 15m 24h 30d */
	CONF_SIZE,     /* uint64_t bytes within min .. max: 512K 64M 2G */
	CONF_TEXT,     /* char[CONF_TEXT_MAX] */
	CONF_PATH,     /* the same; relative to the configuration file's folder */
	CONF_ENDPOINT, /* struct endpoint */
	CONF_PARSE,    /* parse() is given the words behind the keyword */
};

struct conf_option {
	const char *keyword;
	enum conf_type type;
	size_t offset; /* of the field in the caller's struct */
	uint64_t min, max;
	const char *fallback; /* as if written in the file; NULL: the field stays zero */
	bool required;
	bool repeats; /* may stand on more than one line */
	bool (*parse)(void *conf, char *const *words, size_t count, struct fault *why);
	const char *arguments; /* for the help: "ADDRESS:PORT" */
	const char *help;      /* one sentence */
};

/*
 * Fills *conf from the file at path by the table (ended by a row without keyword): fallbacks, then
 * the lines; the fallback of an option that repeats only when it has no line.  False leaves *conf
 * half-filled: the caller loads into a copy.  Two rows may stand for one field (not CONF_PARSE
 * ones, whose fields are not known here): then only one of them may have a line, and only one a
 * fallback.
 */
bool conf_load(void *conf, const struct conf_option *table, const char *path, struct fault *why);

/*
 * The same from up to three sources.  What the command line says goes before the environment, which
 * goes before the file; of an option that repeats only one source is heard.  Relative paths of the
 * first two stay as they are.  An empty variable says nothing; lines of one stand for the lines of
 * an option that repeats.  Variables with the prefix that name no option are refused.
 */
struct conf_sources {
	const char *path;         /* the file; NULL: none */
	const char *env_prefix;   /* "NAME_": NAME_LISTEN stands for the option listen */
	char *const *env;         /* ended by NULL, as environ is; NULL: none */
	const char *const *given; /* keyword, value, keyword, value, ..., NULL; NULL: none */
};

bool conf_load_sources(void *conf, const struct conf_option *table, const struct conf_sources *from,
    struct fault *why);

/* The same from text; name stands for the path in faults, and relative paths stay as they are. */
bool conf_load_text(void *conf, const struct conf_option *table, const char *name, const char *text,
    struct fault *why);

/* For parse functions: a word as it is, and the words of a log level. */
bool conf_copy_text(char to[static CONF_TEXT_MAX], const char *word, struct fault *why);
bool conf_read_log_level(enum log_level *ret, char *const *words, size_t count, struct fault *why);

/* Prints the table for --help: keyword, arguments, help, fallback. */
void conf_print_help(FILE *to, const struct conf_option *table);

#endif
