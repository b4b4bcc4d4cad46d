/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "tools/cathedral-load/load_options.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 64
#define COMPLETE  "--fleet f --at 127.0.0.1:4500 "

static struct load_options options;
static struct fault why;
static char line[1024]; /* what the options point into */

/* Parses a line of words; getopt's own complaints are kept off the test's output. */
static bool
parse(enum load_command command, const char *text)
{
	static char name[] = "load";
	char *words[WORDS_MAX] = { name };
	int count = 1;
	bool help;

	snprintf(line, sizeof(line), "%s", text);
	for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
		words[count++] = word;
	optind = 0;
	opterr = 0;
	return load_options_parse(&options, count, words, command, &help, &why);
}

static void
expect(enum load_command command, const char *text)
{
	if (!parse(command, text))
		fail_msg("%s: %s", text, why.text);
}

static void
defaults_are_moderate(void **state)
{
	(void)state;
	expect(LOAD_RELAY, COMPLETE);
	assert_true(options.shroud);
	assert_int_equal(options.tunnels, 100);
	assert_int_equal(options.others, 0);
	assert_int_equal(options.sizes.count, 1);
	assert_int_equal(options.sizes.at[0], 512);
	assert_int_equal(options.burst, 1);
	assert_true(options.rate > 9999 && options.rate < 10001);
	assert_int_equal(options.window, 0);
	assert_int_equal(options.run_ns, 5 * NS_PER_S);
	assert_true(endpoint_equal(&options.others_at, &options.at));
	expect(LOAD_CAP, COMPLETE);
	assert_int_equal(options.tunnels, 1);
	expect(LOAD_COMPARE, COMPLETE "--program cathedral");
	assert_int_equal(options.rounds, 5);
	assert_true(options.pin);
	expect(LOAD_RELAY, COMPLETE "--rate 0");
	assert_int_equal(options.window, 1024);
	expect(LOAD_RELAY, COMPLETE "--rate 0 --merge no");
	assert_int_equal(options.window, 192);
	expect(LOAD_REGISTER, COMPLETE "--rate 0");
	assert_int_equal(options.window, 192);
	expect(LOAD_SOAK, "--program p");
	assert_int_equal(options.run_ns, 3600 * NS_PER_S);
	assert_int_equal(options.every_ns, 10 * NS_PER_S);
	assert_int_equal(options.reload_ns, 15 * NS_PER_S);
	assert_int_equal(options.takeover_ns, 300 * NS_PER_S);
	assert_int_equal(options.strangers, 100);
	assert_true(options.loss > 1.99 && options.loss < 2.01);
}

static void
everything_is_read(void **state)
{
	(void)state;
	expect(LOAD_RELAY,
	    "--fleet here --at [::1]:4500 --from ::1 --shroud no --first 3 --tunnels 7 --others 9 "
	    "--others-at 127.0.0.1:1 --patience 2 --size 64,1522 --burst 4 --rate 2.5 --window 6 "
	    "--seconds 0.5 --pid 42 --control /run/c --json");
	assert_string_equal(options.folder, "here");
	assert_string_equal(options.from, "::1");
	assert_false(options.shroud);
	assert_int_equal(options.first, 3);
	assert_int_equal(options.tunnels, 7);
	assert_int_equal(options.others, 9);
	assert_int_equal(options.others_at.port, 1);
	assert_int_equal(options.patience_ns, 2 * NS_PER_S);
	assert_int_equal(options.sizes.count, 2);
	assert_int_equal(options.sizes.at[1], 1522);
	assert_int_equal(options.burst, 4);
	assert_int_equal(options.window, 6);
	assert_int_equal(options.run_ns, NS_PER_S / 2);
	assert_int_equal(options.pid, 42);
	assert_string_equal(options.control, "/run/c");
	assert_true(options.json);

	expect(LOAD_MAKE,
	    "--flocks 5 --devices 250 --mbit 7 --seed ab --workers 2 --user u --shroud-at "
	    "10.0.0.1:1 --clear-at 10.0.0.1:2 --far-at 10.0.0.2:3 folder");
	assert_string_equal(options.folder, "folder");
	assert_int_equal(options.flocks, 5);
	assert_int_equal(options.devices, 250);
	assert_int_equal(options.mbit, 7);
	assert_string_equal(options.seed, "ab");
	assert_int_equal(options.far_at.port, 3);
	expect(LOAD_ECHO, "--at 127.0.0.1:4500");
	assert_true(options.merge);
	expect(LOAD_COMPARE, COMPLETE "--program p --half --merge no --seconds 4000");
	assert_true(options.half);
	assert_false(options.merge);
	assert_int_equal(options.run_ns, 4000 * NS_PER_S);
	expect(LOAD_SOAK,
	    "--program p --user u --workers 2 --seconds 7200 --every 1 --reload 2 --takeover 3 "
	    "--loss 0.5 --rate 10 --strangers 0 --json");
	assert_string_equal(options.program, "p");
	assert_string_equal(options.user, "u");
	assert_int_equal(options.takeover_ns, 3 * NS_PER_S);
	assert_true(options.loss > 0.49 && options.loss < 0.51);
	expect(LOAD_MEMORY, COMPLETE "--pid 1 --steps 1,2,3");
	assert_int_equal(options.steps.count, 3);
}

static void
mistakes_are_explained(void **state)
{
	static const struct {
		enum load_command command;
		const char *words, *want;
	} cases[] = {
		{ LOAD_RELAY, "--at 127.0.0.1:4500", "--fleet is missing" },
		{ LOAD_RELAY, "--fleet f", "--at is missing" },
		{ LOAD_ECHO, "", "--at is missing" },
		{ LOAD_RELAY, "--fleet f --at localhost:4500",
		    "--at localhost:4500: expected an address with its port, 192.0.2.1:4500 or "
		    "[2001:db8::1]:4500" },
		{ LOAD_RELAY, COMPLETE "more", "more: what is this?" },
		{ LOAD_RELAY, COMPLETE "--tunnels x",
		    "--tunnels x: expected a number up to "
		    "4294967295" },
		{ LOAD_RELAY, COMPLETE "--tunnels 0", "--tunnels must be at least 1" },
		{ LOAD_RELAY, COMPLETE "--burst 0", "--burst must be at least 1" },
		{ LOAD_RELAY, COMPLETE "--size 135",
		    "--size: 135 is not within 136 and 1473, as it has to be under a shroud" },
		{ LOAD_RELAY, COMPLETE "--size 512,1474",
		    "--size: 1474 is not within 136 and 1473, as it has to be under a shroud" },
		{ LOAD_RELAY, COMPLETE "--shroud no --size 63",
		    "--size: 63 is not within 64 and 1522, as it has to be without a shroud" },
		{ LOAD_RELAY, COMPLETE "--size 1,2,3,4,5,6,7,8,9", "--size: more than 8 sizes" },
		{ LOAD_RELAY, COMPLETE "--size 1,,2",
		    "--size 1,,2: expected numbers up to 1522 with commas between" },
		{ LOAD_RELAY, COMPLETE "--size ,",
		    "--size ,: expected numbers up to 1522 with commas between" },
		{ LOAD_RELAY, COMPLETE "--seconds 2000001",
		    "--seconds 2000001: expected seconds, 0.001 to 2000000" },
		{ LOAD_RELAY, COMPLETE "--seconds 101 --others 1",
		    "--seconds: others are not known for longer than 100" },
		{ LOAD_SOAK, "", "--program is missing" },
		{ LOAD_SOAK, "--program p --rate 0", "--rate: a soak has a rate above 0" },
		{ LOAD_SOAK, "--program p --seconds 2000000 --every 1",
		    "--every: more than 100000 samples are not kept" },
		{ LOAD_SOAK, "--program p --loss 51", "--loss 51: expected a number from 0 to 50" },
		{ LOAD_SOAK, COMPLETE "--program p", "" },
		{ LOAD_RELAY, COMPLETE "--shroud maybe", "--shroud maybe: expected yes or no" },
		{ LOAD_FEDERATE, COMPLETE, "--far is missing" },
		{ LOAD_COMPARE, COMPLETE, "either --program or --pid says what to compare" },
		{ LOAD_COMPARE, COMPLETE "--program p --pid 1",
		    "either --program or --pid says what to compare" },
		{ LOAD_COMPARE, COMPLETE "--program p --rounds 0", "--rounds must be at least 1" },
		{ LOAD_MEMORY, COMPLETE, "either --program or --pid says what to look at" },
		{ LOAD_MEMORY, COMPLETE "--pid 1 --steps 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
		    "--steps 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17: more than 16 numbers" },
		{ LOAD_MAKE, "", "the folder to make is missing" },
		{ LOAD_MAKE, "--devices 3 f", "--flocks must be at least 1, --devices even" },
		{ LOAD_MAKE, "--flocks 0 f", "--flocks must be at least 1, --devices even" },
		{ LOAD_MAKE, "--devices 251 f", "--devices 251: expected a number up to 250" },
		/* getopt_long() says it: options of another command */
		{ LOAD_RELAY, COMPLETE "--flocks 1", "" },
		{ LOAD_REGISTER, COMPLETE "--size 512", "" },
		{ LOAD_RELAY, COMPLETE "--far 127.0.0.1:1", "" },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		assert_false(parse(cases[n].command, cases[n].words));
		assert_string_equal(why.text, cases[n].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_moderate),
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(mistakes_are_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
