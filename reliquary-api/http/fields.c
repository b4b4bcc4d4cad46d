/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/fields.h"

#include "base/hex.h"
#include "reliquary-api/http/forget.h"
#include "reliquary-api/http/json_memory.h"
#include "reliquary-api/http/plain.h"

#include <inttypes.h>
#include <string.h>

/* These return false with the problem. */
static bool
refuse(struct reply *problem, struct reply reason)
{
	*problem = reason;
	return false;
}

static bool
text_read(const json_t *value, const struct field *f, struct reply *problem)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	if (text == NULL || len > f->size - 1)
		return refuse(problem,
		    reply_bad_field(f->name, "is a text of at most %zu bytes", f->size - 1));
	if (!plain_is(text, len))
		return refuse(problem,
		    reply_bad_field(f->name, "is a text without control characters, line ends and "
					     "marks that turn its direction"));
	memcpy(f->into, text, len);
	((char *)f->into)[len] = '\0';
	return true;
}

static bool
hex_read(const json_t *value, const struct field *f, struct reply *problem)
{
	const char *text = json_string_value(value);

	/* A NUL among them would hide what comes behind it: the length is Jansson's. */
	if (text == NULL || json_string_length(value) != 2 * f->size ||
	    !hex_decode(f->into, f->size, text))
		return refuse(
		    problem, reply_bad_field(f->name, "is a text of %zu hex digits", 2 * f->size));
	return true;
}

static bool
uint_read(const json_t *value, const struct field *f, struct reply *problem)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || (uint64_t)number < f->min ||
	    (uint64_t)number > f->max)
		return refuse(
		    problem, reply_bad_field(f->name,
				 "is a whole number from %" PRIu64 " to %" PRIu64, f->min, f->max));
	memcpy(f->into, &(uint64_t){ (uint64_t)number }, sizeof(uint64_t));
	return true;
}

static bool
flag_read(const json_t *value, const struct field *f, struct reply *problem)
{
	if (!json_is_boolean(value))
		return refuse(problem, reply_bad_field(f->name, "is true or false"));
	*(bool *)f->into = json_is_true(value);
	return true;
}

static bool
field_read(const json_t *object, const struct field *f, struct reply *problem)
{
	const json_t *value = json_object_get(object, f->name);
	bool there = value != NULL && !json_is_null(value);

	if (f->given != NULL)
		*f->given = there;
	if (!there && f->required)
		return refuse(problem, reply_bad_field(f->name, "is missing"));
	if (!there)
		return true;
	switch (f->type) {
	case FIELD_TEXT:
		return text_read(value, f, problem);
	case FIELD_HEX:
		return hex_read(value, f, problem);
	case FIELD_UINT:
		return uint_read(value, f, problem);
	case FIELD_FLAG:
		return flag_read(value, f, problem);
	case FIELD_LAST:
		break;
	}
	return true;
}

static bool
has_row(const struct field *fields, const char *name)
{
	for (const struct field *f = fields; f->type != FIELD_LAST; f++) {
		if (strcmp(f->name, name) == 0)
			return true;
	}
	return false;
}

/* The name of the first member that no row names; NULL when there is none. */
static const char *
stranger(const json_t *object, const struct field *fields)
{
	json_t *members = (json_t *)(uintptr_t)object; /* Jansson iterates, and changes nothing */

	for (void *i = json_object_iter(members); i != NULL;
	     i = json_object_iter_next(members, i)) {
		if (!has_row(fields, json_object_iter_key(i)))
			return json_object_iter_key(i);
	}
	return NULL;
}

bool
fields_read(const json_t *object, const struct field *fields, struct reply *problem)
{
	const char *unknown;

	if (object != NULL && !json_is_object(object))
		return refuse(problem,
		    reply_problem(400, "malformed", "the body is something else than an object"));
	unknown = stranger(object, fields);
	if (unknown != NULL)
		return refuse(
		    problem, reply_bad_field(unknown, "is no member of this request's body"));
	for (const struct field *f = fields; f->type != FIELD_LAST; f++) {
		if (!field_read(object, f, problem))
			return false;
	}
	return true;
}

json_t *
fields_object(const void *body, size_t len, const char *must, struct reply *problem)
{
	json_t *read;

	json_memory_begin();
	read = json_loadb(len > 0 ? body : "", len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(read) && json_memory_sufficed())
		return read;
	forget_json(read);
	*problem =
	    json_memory_sufficed() ? reply_problem(400, "malformed", "%s", must) : reply_failed();
	return NULL;
}
