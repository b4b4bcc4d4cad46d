/* SPDX-License-Identifier: ISC */
/*
 * JSON in by declaration: a table of members becomes typed values, all or nothing as far as the
 * answer goes.  Members that no row names are refused with their name.
 */
#ifndef RELIQUARY_API_HTTP_FIELDS_H
#define RELIQUARY_API_HTTP_FIELDS_H

#include "reliquary-api/http/reply.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
	FIELD_LAST = 0,
	FIELD_TEXT, /* char[size]: UTF-8, no control characters, at most size - 1 bytes */
	FIELD_HEX,  /* uint8_t[size] from 2 * size hex digits */
	FIELD_UINT, /* uint64_t within min .. max */
	FIELD_FLAG, /* bool */
};

struct field {
	const char *name;
	enum field_type type;
	void *into;
	size_t size;
	uint64_t min, max;
	bool required;
	bool *given; /* set true when the member is there (null counts as not there); may be NULL */
};

#define FIELD_TEXT_INTO(n, array, ...)                                                             \
	{                                                                                          \
		.name = (n), .type = FIELD_TEXT, .into = (array), .size = sizeof(array),           \
		__VA_ARGS__                                                                        \
	}
#define FIELD_HEX_INTO(n, array, ...)                                                              \
	{                                                                                          \
		.name = (n), .type = FIELD_HEX, .into = (array), .size = sizeof(array),            \
		__VA_ARGS__                                                                        \
	}
#define FIELD_UINT_INTO(n, value, from, to, ...)                                                   \
	{                                                                                          \
		.name = (n), .type = FIELD_UINT, .into = (value), .min = (from), .max = (to),      \
		__VA_ARGS__                                                                        \
	}
#define FIELD_FLAG_INTO(n, value, ...)                                                             \
	{                                                                                          \
		.name = (n), .type = FIELD_FLAG, .into = (value), __VA_ARGS__                      \
	}
#define FIELD_END                                                                                  \
	{                                                                                          \
		.type = FIELD_LAST                                                                 \
	}

/*
 * A body as the JSON object that it has to be, the caller's; NULL with *problem, a 400 that says
 * what must be there, or a 500 when memory was short and json_memory_watch() was called.
 */
json_t *fields_object(const void *body, size_t len, const char *must, struct reply *problem);

/*
 * object may be NULL: an empty body, no members.  False with *problem a 400 that names the field;
 * values written before it are the caller's to ignore.
 */
bool fields_read(const json_t *object, const struct field *fields, struct reply *problem);

#endif
