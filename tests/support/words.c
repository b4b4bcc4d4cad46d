/* SPDX-License-Identifier: ISC */
#include "tests/support/words.h"

#include "base/hex.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 2048
#define WORD_SIZE 128

#define LONG 32 /* characters of which some are enough */
#define HALF 16
/* Of fewer bytes some are found everywhere. */
#define BYTES_LEAST 8

/* A form of a word, in a list of those with the same two first bytes. */
struct needle {
	struct needle *next;
	size_t word, len;
	uint8_t bytes[WORD_SIZE];
};

struct words {
	char texts[WORDS_MAX][WORD_SIZE];
	size_t count;
	struct needle *by_head[1 << 16];
};

struct words *
words_create(void)
{
	struct words *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	return w;
}

void
words_destroy(struct words *w)
{
	for (size_t head = 0; head < sizeof(w->by_head) / sizeof(w->by_head[0]); head++) {
		struct needle *n = w->by_head[head], *next;

		for (; n != NULL; n = next) {
			next = n->next;
			free(n);
		}
	}
	free(w);
}

static size_t
head_of(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

static void
needle_add(struct words *w, const void *bytes, size_t len)
{
	struct needle *n = calloc(1, sizeof(*n));

	assert_true(n != NULL && len >= 2 && len <= sizeof(n->bytes));
	memcpy(n->bytes, bytes, len);
	n->len = len;
	n->word = w->count;
	n->next = w->by_head[head_of(n->bytes)];
	w->by_head[head_of(n->bytes)] = n;
}

/* All forms of so many characters. */
static void
forms_add(struct words *w, const char *text, size_t len)
{
	char plain[WORD_SIZE] = "", capitals[WORD_SIZE] = "";
	uint8_t bytes[WORD_SIZE / 2];

	for (size_t i = 0; i < len; i++) {
		plain[i] = text[i];
		capitals[i] = (char)toupper((unsigned char)text[i]);
	}
	needle_add(w, plain, len);
	if (memcmp(plain, capitals, len) != 0)
		needle_add(w, capitals, len);
	if (len / 2 >= BYTES_LEAST && hex_decode(bytes, len / 2, plain))
		needle_add(w, bytes, len / 2);
}

void
words_add(struct words *w, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < w->count; i++) {
		if (strcmp(w->texts[i], text) == 0)
			return;
	}
	assert_true(w->count < WORDS_MAX && len < WORD_SIZE);
	if (len < LONG) {
		forms_add(w, text, len);
	} else {
		forms_add(w, text, HALF);
		forms_add(w, text + len - HALF, HALF);
	}
	strcpy(w->texts[w->count++], text);
}

size_t
words_count(const struct words *w)
{
	return w->count;
}

const char *
words_at(const struct words *w, size_t n)
{
	return w->texts[n];
}

/* The next needle in data, from *at on, which is behind its first byte then. */
static const struct needle *
needle_next(const struct words *w, const uint8_t *data, size_t len, size_t *at)
{
	for (; *at + 1 < len; (*at)++) {
		const struct needle *n = w->by_head[head_of(data + *at)];

		while (n != NULL && (n->len > len - *at || memcmp(data + *at, n->bytes, n->len)))
			n = n->next;
		if (n != NULL) {
			(*at)++;
			return n;
		}
	}
	return NULL;
}

const char *
words_in(const struct words *w, const void *data, size_t len)
{
	size_t at = 0;
	const struct needle *n = needle_next(w, data, len, &at);

	return n != NULL ? w->texts[n->word] : NULL;
}

size_t
words_count_in(const struct words *w, const void *data, size_t len)
{
	bool seen[WORDS_MAX] = { false };
	const struct needle *n;
	size_t at = 0, count = 0;

	while ((n = needle_next(w, data, len, &at)) != NULL) {
		count += !seen[n->word];
		seen[n->word] = true;
	}
	return count;
}
