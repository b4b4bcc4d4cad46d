/* SPDX-License-Identifier: ISC */
/* The configuration of cathedral-sync: defaults, what is refused, and the sample. */
#include "tools/cathedral-sync/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sync_conf
conf_of(const char *text)
{
	struct sync_conf c;
	struct fault why;

	if (!sync_conf_read_text(&c, "x", text, &why))
		fail_msg("%s", why.text);
	return c;
}

static void
what_is_not_said_has_a_default(void **state)
{
	struct sync_conf c = conf_of("api https://a.example\n");

	(void)state;
	assert_string_equal(c.api, "https://a.example");
	assert_string_equal(c.token, "/var/lib/cathedral/token");
	assert_string_equal(c.ca, "");
	assert_string_equal(c.pin, "");
	assert_string_equal(c.registry, "/var/lib/cathedral/registry.db");
	assert_string_equal(c.registry_key, "/var/lib/cathedral/registry.db.key");
	assert_string_equal(c.control, "/run/cathedral/control");
	assert_string_equal(c.user, "");
	assert_true(c.sandbox);
	assert_int_equal(c.wait_s, 50);
	assert_int_equal(c.heartbeat_s, 20);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
}

static void
every_keyword(void **state)
{
	struct sync_conf c =
	    conf_of("api https://a.example:8443/deep/\n"
		    "token /t\nca /c\nregistry /r\nregistry_key /k\ncontrol /s\n"
		    "pin sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
		    "user u\nsandbox no\nwait 5m\nheartbeat 1h\nlog_level debug\n");

	(void)state;
	assert_string_equal(c.api, "https://a.example:8443/deep");
	assert_string_equal(c.token, "/t");
	assert_string_equal(c.ca, "/c");
	assert_string_equal(c.pin, "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	assert_string_equal(c.registry, "/r");
	assert_string_equal(c.registry_key, "/k");
	assert_string_equal(c.control, "/s");
	assert_string_equal(c.user, "u");
	assert_false(c.sandbox);
	assert_int_equal(c.wait_s, 300);
	assert_int_equal(c.heartbeat_s, 3600);
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
}

#define NO_URL(url) "x:1: api: \"" url "\" is not http(s)://HOST[:PORT][/PATH]"

static void
what_is_refused(void **state)
{
	static const struct {
		const char *text, *fault;
	} cases[] = {
		{ "", "x: api: required but missing" },
		{ "api a.example\n", NO_URL("a.example") },
		{ "api file:///etc/passwd\n", NO_URL("file:///etc/passwd") },
		{ "api https://\n", NO_URL("https://") },
		{ "api https://me:pw@a\n", NO_URL("https://me:pw@a") },
		{ "api https://a/?x=1\n", NO_URL("https://a/?x=1") },
		{ "api \"https://a/#x\"\n", NO_URL("https://a/#x") },
		{ "api https://a:99999\n", NO_URL("https://a:99999") },
		{ "api \"https://a b\"\n", NO_URL("https://a b") },
		{ "api https://a b\n", "x:1: api: is written \"api URL\"" },
		{ "api https://a\ncontrol x\n",
		    "x:2: control: is written \"control PATH\", and the path begins with a slash" },
		{ "api https://a\npin sha256//AAAA\n",
		    "x:2: pin: is written \"pin sha256//BASE64\", of 32 bytes" },
		{ "api https://a\npin AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		    "x:2: pin: is written \"pin sha256//BASE64\", of 32 bytes" },
		{ "api http://a\npin sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		    "x: pin is given, but api is not https" },
		{ "api https://a\nlog_level loud\n",
		    "x:2: log_level: is one of error, warning, info and debug" },
		{ "api https://a\nregistry \"\"\n", "x: registry is empty" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sync_conf c;
		struct fault why = { "" };

		assert_false(sync_conf_read_text(&c, "x", cases[i].text, &why));
		assert_string_equal(why.text, cases[i].fault);
	}
}

/* The longest that the default of the key file has room for, and one byte more. */
static void
a_registry_needs_room_for_its_key(void **state)
{
	static const char head[] = "api https://a\nregistry ";
	char text[sizeof(head) + CONF_TEXT_MAX] = "";
	struct fault why = { "" };
	struct sync_conf c;

	(void)state;
	strcpy(text, head);
	memset(text + strlen(text), 'r', CONF_TEXT_MAX - sizeof(".key"));
	c = conf_of(text);
	assert_int_equal(strlen(c.registry_key), CONF_TEXT_MAX - 1);
	assert_string_equal(c.registry_key + CONF_TEXT_MAX - sizeof("r.key"), "r.key");
	strcat(text, "r");
	assert_false(sync_conf_read_text(&c, "x", text, &why));
	assert_string_equal(why.text, "x: registry: the path is too long");
}

/* Where nobody else can listen, http is no reason to worry. */
static void
plain_http_is_known(void **state)
{
	static const struct {
		const char *text;
		bool plain;
	} cases[] = {
		{ "api https://a\n", false },
		{ "api http://a\n", true },
		{ "api http://localhost.example\n", true },
		{ "api http://localhost:8080\n", false },
		{ "api http://127.0.0.1\n", false },
		{ "api http://127.9.9.9:1/x\n", false },
		{ "api http://[::1]:8080\n", false },
		{ "api http://[2001:db8::1]:8080\n", true },
		{ "api http://10.0.0.1\n", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sync_conf c = conf_of(cases[i].text);

		if (sync_conf_is_plain(&c) != cases[i].plain)
			fail_msg("%s", cases[i].text);
	}
}

/* ---- the sample ---- */

static char *
sample(void)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen("docs/cathedral-sync.conf.sample", "r");

	assert_non_null(text);
	assert_non_null(file);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

/* Where the sample speaks of a keyword, in force or not: behind it; NULL: nowhere. */
static const char *
find_line(const char *text, const char *keyword)
{
	size_t len = strlen(keyword);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += strspn(line, "\n");
		line += *line == '#';
		if (strncmp(line, keyword, len) == 0 && line[len] == ' ')
			return line + len + 1;
	}
	return NULL;
}

static void
the_sample_knows_every_keyword_and_its_default(void **state)
{
	char *text = sample();

	(void)state;
	for (const struct conf_option *o = sync_conf_table; o->keyword != NULL; o++) {
		const char *value = find_line(text, o->keyword);

		if (value == NULL)
			fail_msg("%s is not in the sample", o->keyword);
		else if (o->fallback != NULL &&
			 strncmp(value, o->fallback, strlen(o->fallback)) != 0)
			fail_msg(
			    "the default of %s is not %s in the sample", o->keyword, o->fallback);
	}
	free(text);
}

/* As it is, and with each line in force that is not. */
static void
the_sample_is_taken(void **state)
{
	char *text = sample(), *rest = text, *line;
	struct sync_conf c = conf_of(text);

	(void)state;
	assert_string_equal(c.user, "cathedral-sync");
	while ((line = strsep(&rest, "\n")) != NULL) {
		char one[1024];

		if (line[0] != '#' || line[1] == ' ')
			continue;
		snprintf(one, sizeof(one), "api https://a\n%s\n", line + 1);
		conf_of(one);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_said_has_a_default),
		cmocka_unit_test(every_keyword),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(plain_http_is_known),
		cmocka_unit_test(a_registry_needs_room_for_its_key),
		cmocka_unit_test(the_sample_knows_every_keyword_and_its_default),
		cmocka_unit_test(the_sample_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
