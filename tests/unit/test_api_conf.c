/* SPDX-License-Identifier: ISC */
#include "reliquary-api/conf.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct scratch folder;
static const char sample[] = "docs/reliquary-api.conf.sample";

static struct api_conf
read_text(const char *text)
{
	struct scratch_name file = scratch_write(&folder, "api.conf", text);
	struct fault why = { "" };
	struct api_conf c;

	if (!api_conf_read(&c, file.path, NULL, NULL, &why))
		fail_msg("%s: %s", text, why.text);
	return c;
}

static void
assert_endpoint(const struct endpoint *e, const char *want)
{
	char text[ENDPOINT_TEXT];

	assert_string_equal(endpoint_format(e, text), want);
}

static void
everything_has_a_default(void **state)
{
	struct fault why = { "" };
	struct api_conf c;

	(void)state;
	if (!api_conf_read(&c, NULL, NULL, NULL, &why))
		fail_msg("%s", why.text);
	assert_string_equal(c.data, "/var/lib/reliquary");
	assert_string_equal(c.key_file, "");
	assert_string_equal(c.user, "");
	assert_true(c.sandbox);
	assert_endpoint(&c.server.listen, "127.0.0.1:8080");
	assert_endpoint(&c.admin, "127.0.0.1:9080");
	assert_false(c.admin_given);
	assert_int_equal(c.server.listen_fd, -1);
	assert_int_equal(c.server.connections_max, 16384);
	assert_int_equal(c.server.connections_per_source, 256);
	assert_int_equal(c.server.idle_s, 30);
	assert_int_equal(c.server.body_s, 15);
	assert_int_equal(c.server.body_rate, 4096);
	assert_int_equal(c.server.header_max, 6144);
	assert_int_equal(c.server.proxy_count, 0);
	assert_int_equal(c.settings.registration, REGISTRATION_POW);
	assert_int_equal(c.settings.account_s, 86400);
	assert_int_equal(c.settings.extension_s, 31 * 86400);
	assert_int_equal(c.settings.account_flocks, 3);
	assert_int_equal(c.settings.device_mbit, 25);
	assert_int_equal(c.settings.tokens_most, 64);
	assert_int_equal(c.settings.token_unused_s, 30 * 86400);
	assert_int_equal(c.settings.joins_most, 64);
	assert_int_equal(c.settings.join_s, 72 * 3600);
	assert_int_equal(c.settings.repeat_s, 86400);
	assert_int_equal(c.rates[RATE_REGISTER].per_minute, 10);
	assert_int_equal(c.rates[RATE_REGISTER].burst, 20);
	assert_int_equal(c.cache_kib, 2048);
	assert_int_equal(c.busy_ms, 5000);
	assert_int_equal(c.disk_free_min, 64 << 20);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
}

static void
every_keyword_has_its_effect(void **state)
{
	struct api_conf c = read_text("data /d\nkey_file /k\nlisten [2001:db8::1]:443\n"
				      "admin [::1]:81\ntls_cert /c\ntls_key /t\n"
				      "trusted_proxy 192.0.2.1\ntrusted_proxy 2001:db8::2\n"
				      "user somebody\nsandbox no\nlog_level debug\n");

	(void)state;
	assert_string_equal(c.data, "/d");
	assert_string_equal(c.key_file, "/k");
	assert_endpoint(&c.server.listen, "[2001:db8::1]:443");
	assert_endpoint(&c.admin, "[::1]:81");
	assert_true(c.admin_given);
	assert_string_equal(c.server.tls_cert, "/c");
	assert_string_equal(c.server.tls_key, "/t");
	assert_int_equal(c.server.proxy_count, 2);
	assert_endpoint(&c.server.proxies[0], "192.0.2.1:0");
	assert_endpoint(&c.server.proxies[1], "[2001:db8::2]:0");
	assert_string_equal(c.user, "somebody");
	assert_false(c.sandbox);
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);

	c = read_text("registration invite\naccount_life 1h\naccount_extension 2d\n"
		      "account_flocks 7\naccount_grace 3d\ndevice_mbit 100\ntokens_max 5\n"
		      "token_unused 6d\npending_max 8\npending_life 9h\npending_total 1000\n"
		      "enrolments_max 11\nxflocks_max 12\nrepeat_life 13m\nevents_kept 14d\n"
		      "page_max 15\n");
	assert_int_equal(c.settings.registration, REGISTRATION_INVITE);
	assert_int_equal(c.settings.account_s, 3600);
	assert_int_equal(c.settings.extension_s, 2 * 86400);
	assert_int_equal(c.settings.account_flocks, 7);
	assert_int_equal(c.account_grace_s, 3 * 86400);
	assert_int_equal(c.settings.device_mbit, 100);
	assert_int_equal(c.settings.tokens_most, 5);
	assert_int_equal(c.settings.token_unused_s, 6 * 86400);
	assert_int_equal(c.settings.joins_most, 8);
	assert_int_equal(c.settings.join_s, 9 * 3600);
	assert_int_equal(c.joins_total, 1000);
	assert_int_equal(c.settings.enrolments_most, 11);
	assert_int_equal(c.settings.xflocks_most, 12);
	assert_int_equal(c.settings.repeat_s, 13 * 60);
	assert_int_equal(c.event_s, 14 * 86400);
	assert_int_equal(c.settings.page_most, 15);

	c = read_text("threads 3\nconnections 100\nconnections_per_source 0\nidle_timeout 4s\n"
		      "body_timeout 5s\nbody_rate 6\nheader_max 8K\nuploads 7\nwrite_queue 8\n"
		      "write_group 9\ncache 1M\nbusy_timeout 2s\ndisk_free 1G\n"
		      "upkeep_interval 10s\ndrain_timeout 11s\npow_bits 1\npow_bits_max 2\n"
		      "pow_calm 3\n");
	assert_int_equal(c.server.threads, 3);
	assert_int_equal(c.server.connections_max, 100);
	assert_int_equal(c.server.connections_per_source, 0);
	assert_int_equal(c.server.idle_s, 4);
	assert_int_equal(c.server.body_s, 5);
	assert_int_equal(c.server.body_rate, 6);
	assert_int_equal(c.server.header_max, 8192);
	assert_int_equal(c.uploads_max, 7);
	assert_int_equal(c.queue_max, 8);
	assert_int_equal(c.group_max, 9);
	assert_int_equal(c.cache_kib, 1024);
	assert_int_equal(c.busy_ms, 2000);
	assert_int_equal(c.disk_free_min, 1 << 30);
	assert_int_equal(c.upkeep_s, 10);
	assert_int_equal(c.drain_s, 11);
	assert_int_equal(c.pow_bits, 1);
	assert_int_equal(c.pow_bits_most, 2);
	assert_int_equal(c.pow_calm, 3);
}

static void
rates_are_a_number_and_a_burst(void **state)
{
	static const char *const keywords[] = { "rate_request", "rate_register", "rate_login",
		"rate_join", "rate_wrong_token" };
	static const struct {
		const char *text;
		struct rate want;
	} facts[] = {
		{ "5/minute", { 5, 5 } },
		{ "5/minute burst 9", { 5, 9 } },
		{ "1000000/minute burst 1", { 1000000, 1 } },
		{ "off", { 0, 0 } },
	};
	char text[80];

	(void)state;
	for (size_t k = 0; k < RATE_COUNT; k++) {
		for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
			struct api_conf c;

			snprintf(text, sizeof(text), "%s %s\n", keywords[k], facts[i].text);
			c = read_text(text);
			assert_int_equal(c.rates[k].per_minute, facts[i].want.per_minute);
			assert_int_equal(c.rates[k].burst, facts[i].want.burst);
		}
	}
}

static void
what_is_refused(void **state)
{
	static const struct {
		const char *text, *fault;
	} facts[] = {
		{ "nosuch 1", ":1: nosuch: unknown keyword" },
		{ "\nlisten here", ":2: listen: \"here\" is not ADDRESS:PORT" },
		{ "admin 192.0.2.1:80", "admin: \"192.0.2.1:80\" is not a loopback address" },
		{ "admin 127.0.0.1:0", "admin: \"127.0.0.1:0\" is neither ADDRESS:PORT nor off" },
		{ "admin on", "admin: \"on\" is neither ADDRESS:PORT nor off" },
		{ "admin", "admin: is written" },
		{ "trusted_proxy proxy.example", "is written \"trusted_proxy ADDRESS\"" },
		{ "registration everybody", "is one of pow, open, invite and closed" },
		{ "registration", "is one of pow, open, invite and closed" },
		{ "log_level loud", "is one of error, warning, info and debug" },
		{ "rate_join 5", "rate_join: \"5\" is not N/minute" },
		{ "rate_join /minute", "\"/minute\" is not within 1 to 1000000 a minute" },
		{ "rate_join 0/minute", "\"0/minute\" is not within 1 to 1000000 a minute" },
		{ "rate_join 1000001/minute", "is not within 1 to 1000000 a minute" },
		{ "rate_join 99999999999999999999/minute", "is not N/minute" },
		{ "rate_join 5/minute burst", "is written \"N/minute [burst N]\" or \"off\"" },
		{ "rate_join 5/minute burst 0", "a burst of \"0\" is not within" },
		{ "rate_join 5/minute bust 5", "is written \"N/minute [burst N]\"" },
		{ "rate_join", "is written \"N/minute [burst N]\"" },
		{ "registration open\nrate_register off", "set rate_register" },
		{ "tls_cert /c", "tls_cert is given without tls_key" },
		{ "tls_key /c", "tls_key is given without tls_cert" },
		{ "pow_bits 31", "pow_bits is more than pow_bits_max" },
		{ "pow_bits 49", "49 is not within 0 to 48" },
		{ "data \"\"", "data is empty" },
		{ "listen 127.0.0.1:9080", "admin and listen are the same" },
		{ "account_life 24", "is not a number with its unit" },
		{ "idle_timeout 0s", "0s is not within 1s to 1h" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		struct scratch_name file = scratch_write(&folder, "api.conf", facts[i].text);
		struct fault why = { "" };
		struct api_conf c;

		if (api_conf_read(&c, file.path, NULL, NULL, &why))
			fail_msg("taken: %s", facts[i].text);
		if (strstr(why.text, facts[i].fault) == NULL)
			fail_msg("%s: %s", facts[i].text, why.text);
		assert_int_equal(strncmp(why.text, file.path, strlen(file.path)), 0);
	}
}

static void
proxies_are_limited(void **state)
{
	char text[SERVER_PROXIES_MAX * 32 + 64] = "";
	struct fault why = { "" };
	struct scratch_name file;
	struct api_conf c;

	(void)state;
	for (int n = 0; n <= SERVER_PROXIES_MAX; n++) {
		if (n == SERVER_PROXIES_MAX)
			assert_int_equal(read_text(text).server.proxy_count, n);
		snprintf(text + strlen(text), 32, "trusted_proxy 192.0.2.%d\n", n + 1);
	}
	file = scratch_write(&folder, "api.conf", text);
	assert_false(api_conf_read(&c, file.path, NULL, NULL, &why));
	assert_non_null(strstr(why.text, ":17: trusted_proxy: more than 16 of them"));
}

static void
environment_and_command_line_go_first(void **state)
{
	struct scratch_name file = scratch_write(&folder, "api.conf",
	    "listen 127.0.0.1:1\naccount_flocks 1\ntrusted_proxy 192.0.2.1\nadmin off\n");
	char listen[] = "RELIQUARY_API_LISTEN=127.0.0.1:2",
	     flocks[] = "RELIQUARY_API_ACCOUNT_FLOCKS=2",
	     proxies[] = "RELIQUARY_API_TRUSTED_PROXY=192.0.2.2\n192.0.2.3",
	     other[] = "RELIQUARY=x", wrong[] = "RELIQUARY_API_LISTN=127.0.0.1:2";
	char *env[] = { listen, flocks, proxies, other, NULL }, *bad[] = { wrong, NULL };
	const char *given[] = { "listen", "127.0.0.1:3", NULL };
	struct fault why = { "" };
	struct api_conf c;

	(void)state;
	assert_true(api_conf_read(&c, file.path, env, given, &why));
	assert_endpoint(&c.server.listen, "127.0.0.1:3");
	assert_int_equal(c.settings.account_flocks, 2);
	assert_int_equal(c.server.proxy_count, 2);
	assert_endpoint(&c.server.proxies[0], "192.0.2.2:0");
	assert_int_equal(c.admin.port, 0);

	assert_false(api_conf_read(&c, NULL, bad, NULL, &why));
	assert_string_equal(why.text, "RELIQUARY_API_LISTN: there is no option \"listn\"");
}

static void
paths_are_made_of_the_folder(void **state)
{
	struct api_conf c = read_text("data /srv/api\n");
	char path[CONF_TEXT_MAX];

	(void)state;
	assert_true(api_conf_path(&c, "reliquary.db", path));
	assert_string_equal(path, "/srv/api/reliquary.db");
	assert_true(api_conf_key(&c, path));
	assert_string_equal(path, "/srv/api/key");
	c = read_text("data here\nkey_file there/k\n");
	assert_true(api_conf_key(&c, path));
	assert_string_equal(path, scratch_name(&folder, "there/k").path);
	memset(c.data, 'x', sizeof(c.data) - 1);
	assert_false(api_conf_path(&c, "key", path));
}

static void
what_is_private(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} facts[] = {
		{ "listen 127.0.0.1:1", true },
		{ "listen 127.8.0.1:1", true },
		{ "listen [::1]:1", true },
		{ "listen 192.0.2.1:1", false },
		{ "listen 0.0.0.0:1", false },
		{ "listen [::]:1", false },
		{ "listen 0.0.0.0:1\ntls_cert c\ntls_key k", true },
		{ "listen 0.0.0.0:1\ntrusted_proxy 192.0.2.1", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		struct api_conf c = read_text(facts[i].text);

		if (api_conf_is_private(&c) != facts[i].want)
			fail_msg("%s", facts[i].text);
	}
}

/* ---- the sample ---- */

static char *
sample_text(void)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen(sample, "r");

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
	char *text = sample_text();

	(void)state;
	for (const struct conf_option *o = api_conf_table; o->keyword != NULL; o++) {
		const char *value = find_line(text, o->keyword);
		size_t len = o->fallback == NULL ? 0 : strlen(o->fallback);

		if (value == NULL)
			fail_msg("%s is not in the sample", o->keyword);
		else if (len > 0 && (strncmp(value, o->fallback, len) != 0 || value[len] != '\n'))
			fail_msg("the default of %s is not %s there", o->keyword, o->fallback);
	}
	free(text);
}

static void
every_line_of_the_sample_is_taken(void **state)
{
	char *text = sample_text(), *rest = text, *line, *whole = calloc(1, 65536);

	(void)state;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (line[0] == '#' && line[1] == ' ')
			continue;
		strcat(whole, line[0] == '#' ? line + 1 : line);
		strcat(whole, "\n");
	}
	read_text(whole);
	free(whole);
	free(text);
	text = sample_text();
	read_text(text);
	free(text);
}

static int
set_up(void **state)
{
	(void)state;
	folder = scratch_make();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(&folder);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_has_a_default),
		cmocka_unit_test(every_keyword_has_its_effect),
		cmocka_unit_test(rates_are_a_number_and_a_burst),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(proxies_are_limited),
		cmocka_unit_test(environment_and_command_line_go_first),
		cmocka_unit_test(paths_are_made_of_the_folder),
		cmocka_unit_test(what_is_private),
		cmocka_unit_test(the_sample_knows_every_keyword_and_its_default),
		cmocka_unit_test(every_line_of_the_sample_is_taken),
	};

	return cmocka_run_group_tests_name("api_conf", tests, set_up, tear_down);
}
