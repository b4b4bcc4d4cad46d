/* SPDX-License-Identifier: ISC */
/* Configuration files, by a table that has a row of every type. */
#include "base/conf.h"
#include "base/endpoint.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

struct everything {
	bool flag;
	uint64_t number;
	char text[CONF_TEXT_MAX];
	char path[CONF_TEXT_MAX];
	struct endpoint at;
	size_t parsed;
};

/* Keeps what it is given countable: all words can be read. */
static bool
words_parse(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct everything *e = conf;

	fuzz_expect(count <= CONF_WORDS_MAX);
	for (size_t i = 0; i < count; i++)
		e->parsed += strlen(words[i]);
	return count > 0 || fault_set(why, "wants words");
}

#define FIELD(name, field) .keyword = name, .offset = offsetof(struct everything, field)

static const struct conf_option table[] = {
	{ FIELD("flag", flag), .type = CONF_FLAG, .fallback = "yes" },
	{ FIELD("number", number), .type = CONF_UINT, .min = 3, .max = 1000, .fallback = "7" },
	{ FIELD("text", text), .type = CONF_TEXT },
	{ FIELD("path", path), .type = CONF_PATH, .repeats = true },
	{ FIELD("endpoint", at), .type = CONF_ENDPOINT },
	{ FIELD("words", parsed), .type = CONF_PARSE, .repeats = true, .parse = words_parse },
	{ 0 },
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct everything e = { 0 };
	struct fault why = { "" };
	char *text = malloc(len + 1);

	fuzz_expect(text != NULL);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';

	if (conf_load_text(&e, table, "fuzz.conf", text, &why)) {
		fuzz_expect(e.number >= 3 && e.number <= 1000);
		fuzz_expect(memchr(e.text, '\0', sizeof(e.text)) != NULL);
		fuzz_expect(memchr(e.path, '\0', sizeof(e.path)) != NULL);
	} else {
		fuzz_expect(strncmp(why.text, "fuzz.conf", 9) == 0);
	}
	free(text);
	return 0;
}
