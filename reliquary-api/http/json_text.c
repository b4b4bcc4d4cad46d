/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/json_text.h"

#include "protocol/crypto/secret.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST  1024
#define NUMBER_TEXT 32

void
json_text_free(struct json_text *t)
{
	if (t->secret && t->text != NULL)
		secret_wipe(t->text, t->len);
	free(t->text);
	*t = (struct json_text){ .secret = t->secret, .failed = t->failed };
}

static bool
grow(struct json_text *t, size_t len)
{
	struct json_text larger = *t;

	larger.size = 2 * (t->len + len) + ROOM_FIRST;
	larger.text = malloc(larger.size);
	if (larger.text == NULL) {
		t->failed = true;
		json_text_free(t);
		return false;
	}
	if (t->len > 0)
		memcpy(larger.text, t->text, t->len);
	json_text_free(t);
	*t = larger;
	return true;
}

static void
put(struct json_text *t, const char *piece, size_t len)
{
	if (t->failed || (len > t->size - t->len && !grow(t, len)))
		return;
	memcpy(t->text + t->len, piece, len);
	t->len += len;
}

/* The next value, or name, follows another one unless something was just opened. */
static void
put_comma(struct json_text *t)
{
	char last = t->len > 0 ? t->text[t->len - 1] : '[';

	if (last != '[' && last != '{' && last != ':')
		put(t, ",", 1);
}

/* Only these may not stand in a string as they are (RFC 8259, 7). */
static bool
needs_escape(char c)
{
	return (unsigned char)c < ' ' || c == '"' || c == '\\';
}

static void
put_escape(struct json_text *t, char c)
{
	char text[8];

	if (c == '"' || c == '\\')
		snprintf(text, sizeof(text), "\\%c", c);
	else
		snprintf(text, sizeof(text), "\\u%04x", (unsigned)(unsigned char)c);
	put(t, text, strlen(text));
}

static void
put_quoted(struct json_text *t, const char *text, size_t len)
{
	size_t begin = 0;

	put(t, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		if (!needs_escape(text[i]))
			continue;
		put(t, text + begin, i - begin);
		put_escape(t, text[i]);
		begin = i + 1;
	}
	put(t, text + begin, len - begin);
	put(t, "\"", 1);
}

void
json_text_open(struct json_text *t, char bracket)
{
	put_comma(t);
	put(t, &bracket, 1);
}

void
json_text_close(struct json_text *t, char bracket)
{
	put(t, &bracket, 1);
}

void
json_text_name(struct json_text *t, const char *name)
{
	put_comma(t);
	put_quoted(t, name, strlen(name));
	put(t, ":", 1);
}

void
json_text_string(struct json_text *t, const char *text)
{
	put_comma(t);
	put_quoted(t, text, strlen(text));
}

/* The library's way to print takes longer than to find the row that the number is of. */
void
json_text_integer(struct json_text *t, json_int_t value)
{
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char text[NUMBER_TEXT];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (value < 0)
		text[--at] = '-';
	put_comma(t);
	put(t, text + at, sizeof(text) - at);
}

static void
put_members(struct json_text *t, const json_t *json)
{
	json_t *object = (json_t *)(uintptr_t)json; /* which is not changed */
	const char *name;
	json_t *member;

	json_text_open(t, '{');
	json_object_foreach(object, name, member)
	{
		json_text_name(t, name);
		json_text_value(t, member);
	}
	json_text_close(t, '}');
}

static void
put_elements(struct json_text *t, const json_t *json)
{
	json_text_open(t, '[');
	for (size_t i = 0; i < json_array_size(json); i++)
		json_text_value(t, json_array_get(json, i));
	json_text_close(t, ']');
}

static void
put_word(struct json_text *t, const char *word)
{
	put_comma(t);
	put(t, word, strlen(word));
}

void
json_text_null(struct json_text *t)
{
	put_word(t, "null");
}

static int
put_piece(const char *piece, size_t len, void *text)
{
	struct json_text *t = text;

	put(t, piece, len);
	return t->failed ? -1 : 0;
}

/* As deep as what handlers make. */
void
json_text_value(struct json_text *t, const json_t *json)
{
	if (json == NULL) {
		t->failed = true;
		return;
	}
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		put_members(t, json);
		return;
	case JSON_ARRAY:
		put_elements(t, json);
		return;
	case JSON_STRING:
		put_comma(t);
		put_quoted(t, json_string_value(json), json_string_length(json));
		return;
	case JSON_INTEGER:
		json_text_integer(t, json_integer_value(json));
		return;
	case JSON_REAL:
		put_comma(t);
		if (json_dump_callback(json, put_piece, t, JSON_COMPACT | JSON_ENCODE_ANY) == -1)
			t->failed = true;
		return;
	case JSON_TRUE:
		put_word(t, "true");
		return;
	case JSON_FALSE:
		put_word(t, "false");
		return;
	case JSON_NULL:
		json_text_null(t);
		return;
	}
}

void
json_text_piece(struct json_text *t, const struct json_text *piece)
{
	if (piece->failed)
		t->failed = true;
	if (piece->len == 0)
		return;
	put_comma(t);
	put(t, piece->text, piece->len);
}

bool
json_text_end(struct json_text *t)
{
	put(t, "\n", sizeof("\n"));
	if (t->failed) {
		json_text_free(t);
		return false;
	}
	t->len--;
	return true;
}
