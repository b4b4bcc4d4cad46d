/* SPDX-License-Identifier: ISC */
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What stood on standard error between begin and end. */
struct capture {
	int saved, reader;
	char text[65536];
};

static void
capture_begin(struct capture *c)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fcntl(ends[1], F_SETPIPE_SZ, sizeof(c->text));
	c->saved = dup(STDERR_FILENO);
	c->reader = ends[0];
	assert_true(dup2(ends[1], STDERR_FILENO) != -1);
	close(ends[1]);
}

static const char *
capture_end(struct capture *c)
{
	size_t len = 0;
	ssize_t n;

	assert_true(dup2(c->saved, STDERR_FILENO) != -1); /* and closes the writing end */
	close(c->saved);
	while ((n = read(c->reader, c->text + len, sizeof(c->text) - 1 - len)) > 0)
		len += (size_t)n;
	close(c->reader);
	c->text[len] = '\0';
	return c->text;
}

static int
set_info_level(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_INFO);
	return 0;
}

static void
prefixes_levels_for_journald(void **state)
{
	struct capture c;

	(void)state;
	log_set_level(LOG_LEVEL_DEBUG);
	capture_begin(&c);
	log_error("no %s", "socket");
	log_warn("slow");
	log_info("ready");
	log_debug("%d", 7);
	assert_string_equal(capture_end(&c), "<3>no socket\n<4>slow\n<6>ready\n<7>7\n");
}

static void
keeps_back_what_is_below_the_level(void **state)
{
	struct capture c;

	(void)state;
	capture_begin(&c);
	log_debug("hidden");
	log_info("seen");
	log_set_level(LOG_LEVEL_ERROR);
	log_info("hidden");
	log_warn("hidden");
	log_error("seen too");
	assert_string_equal(capture_end(&c), "<6>seen\n<3>seen too\n");
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
}

static int
count_evaluations(int *count)
{
	return ++*count;
}

static void
arguments_of_hidden_debug_lines_cost_nothing(void **state)
{
	int count = 0;

	(void)state;
	log_debug("%d", count_evaluations(&count));
	assert_int_equal(count, 0);
}

static void
an_event_stays_one_line(void **state)
{
	struct capture c;

	(void)state;
	capture_begin(&c);
	log_info("a\nb\r\x1b[31mc\x7f d\xc3\xa9");
	log_info("%s", "");
	assert_string_equal(capture_end(&c), "<6>a b  [31mc  d\xc3\xa9\n<6>\n");
}

static void
long_lines_are_cut(void **state)
{
	struct capture c;
	char text[5000];
	const char *got;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';

	capture_begin(&c);
	log_info("%s", text);
	log_info("next");
	got = capture_end(&c);
	assert_int_equal(strspn(got + 3, "x"), 1020);
	assert_string_equal(strchr(got, '\n'), "\n<6>next\n");
}

/* A terminal is read by people, who do without the prefix. */
static void
terminals_get_no_prefix(void **state)
{
	int saved, terminal, screen;
	char text[64] = "";

	(void)state;
	assert_int_equal(openpty(&screen, &terminal, NULL, NULL, NULL), 0);
	saved = dup(STDERR_FILENO);
	dup2(terminal, STDERR_FILENO);
	log_info("hello");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(terminal);
	assert_true(read(screen, text, sizeof(text) - 1) > 0);
	close(screen);
	assert_string_equal(text, "hello\r\n");
}

enum { THREADS = 4, LINES = 100 };

static void *
write_lines(void *arg)
{
	const char *letter = arg;

	for (size_t i = 0; i < LINES; i++) {
		char text[101];

		memset(text, *letter, sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		log_info("%s", text);
	}
	return NULL;
}

static void
lines_of_threads_do_not_mix(void **state)
{
	static char letters[THREADS] = { 'a', 'b', 'c', 'd' };
	pthread_t threads[THREADS];
	struct capture *c = malloc(sizeof(*c));
	char *text;
	size_t lines = 0;

	(void)state;
	capture_begin(c);
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, write_lines, &letters[i]);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	capture_end(c);

	for (text = c->text; *text != '\0'; text += 3 + 100 + 1) {
		char letter[2] = { text[3], '\0' };

		assert_memory_equal(text, "<6>", 3);
		assert_int_equal(strspn(text + 3, letter), 100);
		assert_int_equal(text[103], '\n');
		lines++;
	}
	assert_int_equal(lines, THREADS * LINES);
	free(c);
}

static void
levels_have_names(void **state)
{
	static const struct {
		const char *name;
		enum log_level level;
	} facts[] = {
		{ "error", LOG_LEVEL_ERROR },
		{ "warning", LOG_LEVEL_WARN },
		{ "info", LOG_LEVEL_INFO },
		{ "debug", LOG_LEVEL_DEBUG },
	};
	enum log_level level = LOG_LEVEL_ERROR;

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		assert_true(log_level_parse(&level, facts[i].name));
		assert_int_equal(level, facts[i].level);
		assert_string_equal(log_level_name(facts[i].level), facts[i].name);
	}
	assert_false(log_level_parse(&level, "loud"));
	assert_false(log_level_parse(&level, ""));
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_string_equal(log_level_name((enum log_level)5), "unknown");
}

static void
a_limit_lets_a_burst_through_and_then_one_per_interval(void **state)
{
	static const struct {
		uint64_t now_ns;
		bool allowed;
		uint64_t suppressed;
	} facts[] = {
		{ 5000, true, 0 },
		{ 5000, true, 0 },
		{ 5001, true, 0 },
		{ 5002, false, 0 },
		{ 5099, false, 0 },
		{ 5100, true, 2 },
		{ 5101, false, 0 },
		{ 5200, true, 1 },
		{ 90000, true, 0 },
		{ 90000, true, 0 },
		{ 90000, true, 0 },
		{ 90000, false, 0 },
		{ 90099, false, 0 },
		{ 90100, true, 2 },
	};
	struct log_limit l = { .interval_ns = 100, .burst = 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		uint64_t suppressed = 99;
		bool allowed = log_limit_allow(&l, facts[i].now_ns, &suppressed);

		if (allowed != facts[i].allowed)
			fail_msg("step %zu: %s", i, allowed ? "let through" : "held back");
		assert_int_equal(suppressed, allowed ? facts[i].suppressed : 99);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(prefixes_levels_for_journald, set_info_level),
		cmocka_unit_test_setup(keeps_back_what_is_below_the_level, set_info_level),
		cmocka_unit_test_setup(
		    arguments_of_hidden_debug_lines_cost_nothing, set_info_level),
		cmocka_unit_test_setup(an_event_stays_one_line, set_info_level),
		cmocka_unit_test_setup(long_lines_are_cut, set_info_level),
		cmocka_unit_test_setup(terminals_get_no_prefix, set_info_level),
		cmocka_unit_test_setup(lines_of_threads_do_not_mix, set_info_level),
		cmocka_unit_test(levels_have_names),
		cmocka_unit_test(a_limit_lets_a_burst_through_and_then_one_per_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
