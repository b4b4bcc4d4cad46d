/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/plain.h"

#include <stdint.h>
#include <string.h>

/* Characters that are shown as something else than they are, first and last of each run. */
static const struct {
	uint32_t first, last;
} forbidden[] = {
	{ 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x061c, 0x061c }, /* Arabic letter mark */
	{ 0x200e, 0x200f }, /* left-to-right and right-to-left marks */
	{ 0x2028, 0x202e }, /* separators, embeddings, overrides */
	{ 0x2066, 0x2069 }, /* isolates */
	{ 0xd800, 0xdfff }, /* surrogates are no characters */
};

static bool
allowed(uint32_t character)
{
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		if (character >= forbidden[i].first && character <= forbidden[i].last)
			return false;
	}
	return true;
}

/* How many bytes a character has by its first one; 0 when none begins so. */
static size_t
length_by_first(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	if (first >= 0xf0 && first < 0xf5)
		return 4;
	return 0;
}

/* The length of the plain character at the beginning of text; 0 when there is none. */
static size_t
plain_length(const uint8_t *text, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	static const uint8_t first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t n = length_by_first(text[0]);
	uint32_t character;

	if (n == 0 || n > len)
		return 0;
	character = text[0] & first_bits[n];
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (text[i] & 0x3f);
	}
	if (n > 1 && character < least[n])
		return 0;
	if (character > 0x10ffff)
		return 0;
	return allowed(character) ? n : 0;
}

bool
plain_is(const char *text, size_t len)
{
	const uint8_t *at = (const uint8_t *)text;

	while (len > 0) {
		size_t n = plain_length(at, len);

		if (n == 0)
			return false;
		at += n;
		len -= n;
	}
	return true;
}

void
plain_make(char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		size_t n = plain_length((const uint8_t *)text, len);

		if (n == 0) {
			*text = '?';
			n = 1;
		}
		text += n;
		len -= n;
	}
}

void
plain_cut(char *text, size_t max)
{
	if (strlen(text) <= max)
		return;
	while (max > 0 && ((uint8_t)text[max] & 0xc0) == 0x80)
		max--;
	text[max] = '\0';
}
