/* SPDX-License-Identifier: ISC */
#include "tests/support/schema.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One checking of one value. */
struct look {
	json_t *document, *schema, *value;
	struct fault *why;
};

json_t *
schema_follow(json_t *document, json_t *part)
{
	const char *ref = json_string_value(json_object_get(part, "$ref"));
	char names[256], *rest = names, *name;
	json_t *at = document;

	if (ref == NULL)
		return part;
	assert_int_equal(strncmp(ref, "#/", 2), 0);
	snprintf(names, sizeof(names), "%s", ref + 2);
	while ((name = strsep(&rest, "/")) != NULL)
		at = json_object_get(at, name);
	if (at == NULL)
		fail_msg("%s names nothing", ref);
	return schema_follow(document, at);
}

static bool
is_of_type(json_t *value, const char *type)
{
	if (strcmp(type, "object") == 0)
		return json_is_object(value);
	if (strcmp(type, "array") == 0)
		return json_is_array(value);
	if (strcmp(type, "string") == 0)
		return json_is_string(value);
	if (strcmp(type, "integer") == 0)
		return json_is_integer(value);
	if (strcmp(type, "boolean") == 0)
		return json_is_boolean(value);
	if (strcmp(type, "null") == 0)
		return json_is_null(value);
	fail_msg("%s is no type", type);
	return false;
}

static bool
check_type(const struct look *l, json_t *types)
{
	json_t *type;
	size_t i;

	if (json_is_string(types))
		return is_of_type(l->value, json_string_value(types)) ||
		       fault_set(l->why, "is no %s", json_string_value(types));
	json_array_foreach(types, i, type)
	{
		if (is_of_type(l->value, json_string_value(type)))
			return true;
	}
	return fault_set(l->why, "is of none of the types");
}

static bool
check_enum(const struct look *l, json_t *words)
{
	json_t *word;
	size_t i;

	json_array_foreach(words, i, word)
	{
		if (json_equal(word, l->value))
			return true;
	}
	return fault_set(l->why, "is none of the values");
}

static bool
check_pattern(const struct look *l, json_t *pattern)
{
	regex_t regex;
	int found;

	if (!json_is_string(l->value))
		return true;
	assert_int_equal(regcomp(&regex, json_string_value(pattern), REG_EXTENDED | REG_NOSUB), 0);
	found = regexec(&regex, json_string_value(l->value), 0, NULL, 0);
	regfree(&regex);
	return found == 0 || fault_set(l->why, "\"%s\" does not match %s",
				 json_string_value(l->value), json_string_value(pattern));
}

static bool
check_bound(const struct look *l, const char *word, json_t *bound)
{
	json_int_t limit = json_integer_value(bound), is = json_integer_value(l->value);

	if (strcmp(word, "minLength") == 0 || strcmp(word, "maxLength") == 0) {
		if (!json_is_string(l->value))
			return true;
		is = (json_int_t)json_string_length(l->value);
	} else if (!json_is_integer(l->value)) {
		return true;
	}
	return (word[1] == 'i' ? is >= limit : is <= limit) ||
	       fault_set(l->why, "is out of bounds");
}

static bool
check_required(const struct look *l, json_t *names)
{
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		if (json_is_object(l->value) &&
		    json_object_get(l->value, json_string_value(name)) == NULL)
			return fault_set(l->why, "lacks %s", json_string_value(name));
	}
	return true;
}

static bool
check_properties(const struct look *l, json_t *properties)
{
	const char *name;
	json_t *schema;

	json_object_foreach(properties, name, schema)
	{
		json_t *value = json_object_get(l->value, name);

		if (value != NULL && !schema_allows(l->document, schema, value, l->why))
			return fault_prefix(l->why, "%s", name);
	}
	return true;
}

static bool
check_no_more(const struct look *l)
{
	json_t *properties = json_object_get(l->schema, "properties"), *value;
	const char *name;

	json_object_foreach(l->value, name, value)
	{
		if (json_object_get(properties, name) == NULL)
			return fault_set(l->why, "%s is not in the schema", name);
	}
	return true;
}

static bool
check_items(const struct look *l, json_t *schema)
{
	json_t *item;
	size_t i;

	json_array_foreach(l->value, i, item)
	{
		if (!schema_allows(l->document, schema, item, l->why))
			return fault_prefix(l->why, "item %zu", i);
	}
	return true;
}

static bool
check_word(const struct look *l, const char *word, json_t *with)
{
	static const char *const bounds[] = { "minimum", "maximum", "minLength", "maxLength" };

	if (strcmp(word, "type") == 0)
		return check_type(l, with);
	if (strcmp(word, "enum") == 0)
		return check_enum(l, with);
	if (strcmp(word, "pattern") == 0)
		return check_pattern(l, with);
	if (strcmp(word, "required") == 0)
		return check_required(l, with);
	if (strcmp(word, "properties") == 0)
		return check_properties(l, with);
	if (strcmp(word, "items") == 0)
		return check_items(l, with);
	if (strcmp(word, "additionalProperties") == 0)
		return check_no_more(l);
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		if (strcmp(word, bounds[i]) == 0)
			return check_bound(l, word, with);
	}
	if (strcmp(word, "description") != 0 && strcmp(word, "format") != 0)
		fail_msg("%s: the checker does not know this word", word);
	return true;
}

bool
schema_allows(json_t *document, json_t *schema, json_t *value, struct fault *why)
{
	struct look l = { document, schema_follow(document, schema), value, why };
	const char *word;
	json_t *with;

	json_object_foreach(l.schema, word, with)
	{
		if (!check_word(&l, word, with))
			return false;
	}
	return true;
}
