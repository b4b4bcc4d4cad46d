/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A head as the library leaves it: '|' stands for the NULs that it puts in. */
static const struct {
	const char *why, *memory;
	bool sound;
} heads[] = {
	{ "no field", "GET|/|HTTP/1.1||||", true },
	{ "one", "GET|/|HTTP/1.1||Host| a||||", true },
	{ "two, with other blanks", "GET|/a?b|HTTP/1.1||Host|a||x-y| \t b c \t||||", true },
	{ "empty values", "GET|/|HTTP/1.1||a|||b|  ||||", true },
	{ "a blank before the target", "GET| /|HTTP/1.1||Host| a||||", false },
	{ "LF alone at the first line", "GET|/|HTTP/1.1|Host| a||||", false },
	{ "LF alone at a field", "GET|/|HTTP/1.1||Host| a|b| c||||", false },
	{ "LF alone at the last one", "GET|/|HTTP/1.1||Host| a|||", false },
	{ "a NUL and more before the end", "GET|/|HTTP/1.1||Host| a|||x||", false },
	{ "a blank in the target", "GET|/ b|HTTP/1.1||Host| a||||", false },
	{ "a control character there", "GET|/\x1f|HTTP/1.1||Host| a||||", false },
	{ "DEL there", "GET|/\x7f|HTTP/1.1||Host| a||||", false },
	{ "other bytes there", "GET|/\xc3\xa9|HTTP/1.1||Host| a||||", true },
};

/* Behind the NULs at at: those that stand for the end of a line, and one. */
static const char *
next_part(const char *at)
{
	return at + strlen(at) + 1;
}

/* Takes the parts one after the other, and skips what may stand between them. */
static bool
read_head(const char *memory, size_t len)
{
	const char *method = memory, *target = next_part(method), *version = next_part(target);
	const char *at = next_part(version), *end = memory + len;
	struct lines l;

	lines_target(&l, target);
	lines_begin(&l, method, version);
	at += *at == '\0';
	while (at < end && *at != '\0') {
		const char *value = next_part(at);

		value += strspn(value, " \t");
		lines_field(&l, at, value);
		at = next_part(value);
		if (at < end && *at == '\0')
			at++;
	}
	return lines_end(&l, end);
}

static void
heads_in_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		size_t len = strlen(heads[i].memory);
		char *memory = malloc(len);

		assert_non_null(memory);
		memcpy(memory, heads[i].memory, len);
		for (size_t n = 0; n < len; n++)
			memory[n] = memory[n] == '|' ? '\0' : memory[n];
		if (read_head(memory, len) != heads[i].sound)
			fail_msg("%s", heads[i].why);
		free(memory);
	}
}

/* A field that goes on in the next line: its name lies elsewhere, or over its value. */
static void
folded_fields(void **state)
{
	char memory[] = "GET\0/\0HTTP/1.1\0\0Conte\0 3\0\0 nt-Length\0\0\0";
	char elsewhere[] = "Content-Length";
	const char *end = memory + sizeof(memory) - 1, *name = memory + 16;
	struct lines l;

	(void)state;
	lines_target(&l, memory + 4);
	lines_begin(&l, memory, memory + 6);
	lines_field(&l, elsewhere, memory + 23);
	assert_false(lines_end(&l, end));

	lines_target(&l, memory + 4);
	lines_begin(&l, memory, memory + 6);
	memcpy(memory + 16, "Content-Length", sizeof("Content-Length"));
	lines_field(&l, name, memory + 23);
	assert_false(lines_end(&l, end));
	/* Once wrong is wrong to the end. */
	lines_field(&l, name, name + sizeof("Content-Length"));
	assert_false(lines_end(&l, end));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_in_memory),
		cmocka_unit_test(folded_fields),
	};

	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
