/* SPDX-License-Identifier: ISC */
#include "tests/support/vectors.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these in front of it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

json_t *
vectors_load(const char *name)
{
	char path[256];
	json_error_t why;
	json_t *root;

	snprintf(path, sizeof(path), "tests/vectors/%s", name);
	root = json_load_file(path, 0, &why);
	if (root == NULL)
		fail_msg("%s, line %d: %s", path, why.line, why.text);
	return root;
}

static json_t *
member(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (value == NULL)
		fail_msg("the vector has no member \"%s\"", key);
	return value;
}

json_t *
vector_object(const json_t *object, const char *key)
{
	json_t *value = member(object, key);

	if (!json_is_object(value))
		fail_msg("member \"%s\" is not an object", key);
	return value;
}

json_t *
vector_list(const json_t *object, const char *key)
{
	json_t *value = member(object, key);

	if (!json_is_array(value))
		fail_msg("member \"%s\" is not a list", key);
	return value;
}

const char *
vector_text(const json_t *object, const char *key)
{
	json_t *value = member(object, key);

	if (!json_is_string(value))
		fail_msg("member \"%s\" is not a text", key);
	return json_string_value(value);
}

bool
vector_flag(const json_t *object, const char *key)
{
	json_t *value = member(object, key);

	if (!json_is_boolean(value))
		fail_msg("member \"%s\" is neither true nor false", key);
	return json_is_true(value);
}

bool
vector_has(const json_t *object, const char *key)
{
	return json_object_get(object, key) != NULL;
}

uint64_t
vector_number(const json_t *object, const char *key)
{
	json_t *value = member(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		fail_msg("member \"%s\" is not a number from 0 up", key);
	return (uint64_t)json_integer_value(value);
}

uint64_t
vector_hex(const json_t *object, const char *key)
{
	const char *text = vector_text(object, key);
	char *end;
	uint64_t value = strtoull(text, &end, 16);

	if (*text == '\0' || *end != '\0' || strlen(text) > 16)
		fail_msg("member \"%s\" is no hexadecimal number: %s", key, text);
	return value;
}

uint8_t *
hex_alloc(const char *text, size_t *len)
{
	size_t digits = strlen(text), got;
	uint8_t *bytes = malloc(digits / 2);

	if (digits % 2 != 0 || (bytes == NULL && digits > 0) ||
	    sodium_hex2bin(bytes, digits / 2, text, digits, NULL, &got, NULL) != 0 ||
	    got != digits / 2)
		fail_msg("not hexadecimal bytes: %s", text);
	*len = digits / 2;
	return bytes;
}

uint8_t *
vector_alloc(const json_t *object, const char *key, size_t *len)
{
	return hex_alloc(vector_text(object, key), len);
}

void
vector_bytes(const json_t *object, const char *key, void *out, size_t len)
{
	size_t got;
	uint8_t *bytes = vector_alloc(object, key, &got);

	if (got != len)
		fail_msg("member \"%s\" has %zu bytes instead of %zu", key, got, len);
	memcpy(out, bytes, len);
	free(bytes);
}

uint8_t *
exact_copy(const void *data, size_t len)
{
	uint8_t *copy = malloc(len);

	if (copy == NULL && len > 0)
		fail_msg("no memory for %zu bytes", len);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}
