/* SPDX-License-Identifier: ISC */
/*
 * How every answer becomes text: Jansson's objects, and rows that are written at once, where the
 * objects would cost more than the rest of the answer.  A list of five devices is some hundred
 * pieces of memory to it, and takes half as much CPU again (docs/performance.md).
 *
 *	struct json_text t = { 0 };
 *
 *	json_text_open(&t, '{');
 *	json_text_name(&t, "label");
 *	json_text_string(&t, label);
 *	json_text_close(&t, '}');
 *
 * Commas are put where they belong.  Without memory it fails for good, and json_text_end() says so.
 */
#ifndef RELIQUARY_API_HTTP_JSON_TEXT_H
#define RELIQUARY_API_HTTP_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct json_text {
	char *text; /* malloc'd; a NUL follows only after json_text_end() */
	size_t len, size;
	bool failed;
	bool secret; /* what is freed is wiped */
};

void json_text_open(struct json_text *t, char bracket); /* '{' or '[' */
void json_text_close(struct json_text *t, char bracket);
void json_text_name(struct json_text *t, const char *name);
void json_text_string(struct json_text *t, const char *text); /* UTF-8 */
void json_text_integer(struct json_text *t, json_int_t value);
void json_text_null(struct json_text *t);
void json_text_value(struct json_text *t, const json_t *json); /* NULL: it could not be made */

/* What was written elsewhere, as it is. */
void json_text_piece(struct json_text *t, const struct json_text *piece);

/* A line's end, and the NUL; false without memory, and then there is nothing to be freed. */
bool json_text_end(struct json_text *t);

void json_text_free(struct json_text *t);

#endif
