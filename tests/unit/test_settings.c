/* SPDX-License-Identifier: ISC */
#include "protocol/wire/settings.h"

#include "base/clock.h"
#include "tests/support/vectors.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* From a buffer without a NUL behind it, as a file may come. */
static bool
parse(struct settings *ret, const char *text, size_t len, struct fault *why)
{
	uint8_t *exact = exact_copy(text, len);
	bool ok = settings_parse(ret, (const char *)exact, len, why);

	free(exact);
	return ok;
}

static struct settings
parsed(const char *text)
{
	struct settings s;
	struct fault why;

	if (!parse(&s, text, strlen(text), &why))
		fail_msg("%s", why.text);
	return s;
}

static void
expect_fault(const char *text, size_t len, const char *want)
{
	struct settings s = { .flock_count = 77 };
	struct fault why = { "" };

	if (parse(&s, text, len, &why))
		fail_msg("accepted instead of: %s", want);
	assert_string_equal(why.text, want);
	assert_int_equal(s.flock_count, 77); /* untouched */
}

static void
expect_flock(const struct settings_flock *f, const json_t *want)
{
	json_t *ambry = json_object_get(want, "ambry"), *allow;
	size_t i;

	assert_true(f->id.value == vector_number(want, "flock"));
	assert_string_equal(f->ambry, json_is_null(ambry) ? "" : json_string_value(ambry));
	assert_int_equal(f->device_count, json_array_size(vector_list(want, "allow")));
	json_array_foreach(vector_list(want, "allow"), i, allow)
	{
		const struct settings_device *d = &f->devices[i];

		assert_int_equal(d->id.value, json_integer_value(json_array_get(allow, 0)));
		assert_int_equal(d->kek_number, json_integer_value(json_array_get(allow, 1)));
		assert_int_equal(d->mbit, json_integer_value(json_array_get(allow, 2)));
	}
}

/* The vector's xflock is of two flocks that only other lines can bring. */
static void
the_vector_is_read(void **state)
{
	json_t *v = vectors_load("settings.json"), *flock, *xflock, *peer;
	char text[2048];
	struct settings s;
	uint8_t ip[4];
	size_t i;

	(void)state;
	expect_fault(vector_text(v, "text"), strlen(vector_text(v, "text")),
	    "line 9: xflock of flock aaaaaa00, which is not in this file");
	snprintf(text, sizeof(text), "%sflock aaaaaa00 {\n}\nflock bbbbbb00 {\n}\n",
	    vector_text(v, "text"));
	s = parsed(text);

	assert_int_equal(s.flock_count, json_array_size(vector_list(v, "flocks")) + 2);
	json_array_foreach(vector_list(v, "flocks"), i, flock)
	{
		expect_flock(&s.flocks[i], flock);
	}
	assert_int_equal(s.xflock_count, 1);
	xflock = json_array_get(vector_list(v, "xflocks"), 0);
	assert_int_equal(s.xflocks[0].a.value, json_integer_value(json_array_get(xflock, 0)));
	assert_int_equal(s.xflocks[0].b.value, json_integer_value(json_array_get(xflock, 1)));
	assert_string_equal(s.xflocks[0].ambry, json_string_value(json_array_get(xflock, 2)));

	peer = json_array_get(vector_list(v, "federate"), 0);
	assert_int_equal(s.peer_count, 1);
	endpoint_ipv4(&s.peers[0].at, ip);
	snprintf(text, sizeof(text), "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
	assert_string_equal(text, json_string_value(json_array_get(peer, 0)));
	assert_int_equal(s.peers[0].at.port, json_integer_value(json_array_get(peer, 1)));
	assert_int_equal(s.peers[0].clear_port | s.peers[0].shroud_port, 0);
	settings_free(&s);
	json_decref(v);
}

static void
lines_are_remembered(void **state)
{
	struct settings s = parsed("# all of it\n"
				   "\n"
				   "federate 192.0.2.1 4500\n"
				   "flock cafeba00 { # the first\n"
				   "  \t\r\n"
				   "  # nothing\n"
				   "\tallow badf00d spi ca 25\n"
				   "\tambry /var/lib/x\r\n"
				   "}\n"
				   "flock 1100 {\n"
				   "}\n"
				   "xflock cafeba00 1100 y\n");

	(void)state;
	assert_int_equal(s.peers[0].line, 3);
	assert_int_equal(s.flocks[0].line, 4);
	assert_int_equal(s.flocks[0].devices[0].line, 7);
	assert_int_equal(s.flocks[0].ambry_line, 8);
	assert_string_equal(s.flocks[0].ambry, "/var/lib/x");
	assert_int_equal(s.flocks[1].line, 10);
	assert_int_equal(s.flocks[1].ambry_line, 0);
	assert_int_equal(s.xflocks[0].line, 12);
	settings_free(&s);
	assert_null(s.flocks);
	settings_free(&s); /* twice is fine */
}

static void
every_way_of_writing_is_taken(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"\n\n\n",
		"#",
		"   # words {}",
		"flock 0xCAFEBA00 {\n}",
		"flock 00000000cafeba00 {\n}\n",
		"flock ffffffffffffff00 {\nallow 0 spi 1 0\n}",
		"flock 100 {\nallow ffffffff spi 0xff 4294967295\n}",
		"flock 100 {\n}\nflock 200 {\n}\nxflock 200 100 a\n",
		"xflock 200 100 a\nflock 100 {\n}\nflock 200 {\n}\n", /* before the flocks */
		"federate 192.0.2.1 1\nfederate 192.0.2.1 65535\nfederate 192.0.2.2 1\n",
		"flock 100 {\nambry a#b\n}\n",
		"flock 100 {\nallow 1 spi 2 3\n}\nflock 200 {\nallow 1 spi 2 3\n}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct settings s = parsed(texts[i]);

		settings_free(&s);
	}
}

static void
listeners_of_peers_are_read(void **state)
{
	static const struct {
		const char *text;
		uint16_t clear, shroud;
	} cases[] = {
		{ "federate 192.0.2.1 4500", 0, 0 },
		{ "federate 192.0.2.1 4500 clear 1", 1, 0 },
		{ "federate 192.0.2.1 4500 shroud 65535", 0, 65535 },
		{ "federate 192.0.2.1 4500 clear 11 shroud 22", 11, 22 },
		{ "federate 192.0.2.1 4500 shroud 22 clear 11", 11, 22 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings s = parsed(cases[i].text);

		assert_int_equal(s.peers[0].clear_port, cases[i].clear);
		assert_int_equal(s.peers[0].shroud_port, cases[i].shroud);
		assert_int_equal(s.peers[0].at.port, 4500);
		settings_free(&s);
	}
}

static const struct {
	const char *text, *fault;
} faults[] = {
	{ "flocks", "line 1: unknown word \"flocks\"" },
	{ "\n\nFlock 100 {\n}\n", "line 3: unknown word \"Flock\"" },
	{ "flock 100 {\n{\n}", "line 2: unknown word \"{\"" },
	{ "allow 1 spi 2 3", "line 1: \"allow\" outside of a flock" },
	{ "ambry x", "line 1: \"ambry\" outside of a flock" },
	{ "}", "line 1: \"}\" outside of a flock" },
	{ "flock 100 {\n}\n}\n", "line 3: \"}\" outside of a flock" },
	{ "flock 100 {\nflock 200 {\n}\n}\n",
	    "line 2: \"flock\" inside a flock, which wants \"}\" first" },
	{ "flock 100 {\nxflock 100 200 x\n",
	    "line 2: \"xflock\" inside a flock, which wants \"}\" first" },
	{ "flock 100 {\nfederate 192.0.2.1 1\n",
	    "line 2: \"federate\" inside a flock, which wants \"}\" first" },
	{ "\nflock 100 {\n\n", "line 2: this flock has no \"}\"" },

	{ "flock 100", "line 1: \"flock\" is written \"flock <hex> {\"" },
	{ "flock", "line 1: \"flock\" is written \"flock <hex> {\"" },
	{ "flock 100 { }", "line 1: \"flock\" is written \"flock <hex> {\"" },
	{ "flock 100 # {", "line 1: \"flock\" is written \"flock <hex> {\"" },
	{ "flock 100 (", "line 1: \"(\" where \"{\" was expected" },
	{ "flock cafeba01 {\n}",
	    "line 1: flock \"cafeba01\" names a domain: its last two digits must be 00" },
	{ "flock cafeba0g {\n}",
	    "line 1: \"cafeba0g\" is not a flock (up to 16 hex digits, not 0)" },
	{ "flock 0 {\n}", "line 1: \"0\" is not a flock (up to 16 hex digits, not 0)" },
	{ "flock 10000000000000000 {\n}",
	    "line 1: \"10000000000000000\" is not a flock (up to 16 hex digits, not 0)" },
	{ "flock 100 {\n}\nflock 200 {\n}\nflock 0x0100 {\n}\n",
	    "line 5: flock 100 stands on line 1 already" },
	{ "flock 200 {\n}\nflock 100 {\n}\nflock 200 {\n}\nflock 100 {\n}\nflock 100 "
	  "{\n}\n",
	    "line 5: flock 200 stands on line 1 already" },

	{ "flock 100 {\nallow 1 spi 2\n}",
	    "line 2: \"allow\" is written \"allow <device hex> spi <KEK number hex> "
	    "<Mbit/s>\"" },
	{ "flock 100 {\nallow 1 spi 2 3 4\n}",
	    "line 2: \"allow\" is written \"allow <device hex> spi <KEK number hex> "
	    "<Mbit/s>\"" },
	{ "flock 100 {\nallow 1 spi 2 3 4 5 6 7 8 9 10 11 12\n}",
	    "line 2: \"allow\" is written \"allow <device hex> spi <KEK number hex> "
	    "<Mbit/s>\"" },
	{ "flock 100 {\nallow 100000000 spi 2 3\n}",
	    "line 2: \"100000000\" is not a device (up to 8 hex digits)" },
	{ "flock 100 {\nallow -1 spi 2 3\n}",
	    "line 2: \"-1\" is not a device (up to 8 hex digits)" },
	{ "flock 100 {\nallow 1 kek 2 3\n}", "line 2: \"kek\" where \"spi\" was expected" },
	{ "flock 100 {\nallow 1 spi 0 3\n}", "line 2: \"0\" is not a KEK number (01 to ff)" },
	{ "flock 100 {\nallow 1 spi 100 3\n}", "line 2: \"100\" is not a KEK number (01 to ff)" },
	{ "flock 100 {\nallow 1 spi 0x 3\n}", "line 2: \"0x\" is not a KEK number (01 to ff)" },
	{ "flock 100 {\nallow 1 spi 2 4294967296\n}",
	    "line 2: \"4294967296\" is not a number of Mbit/s" },
	{ "flock 100 {\nallow 1 spi 2 ff\n}", "line 2: \"ff\" is not a number of Mbit/s" },
	{ "flock 100 {\nallow badf00d spi 2 3\n\nallow 0badf00d spi 3 3\n}",
	    "line 4: device 0badf00d stands on line 2 already" },
	{ "flock 100 {\nallow 1 spi 0xca 3\n\nallow 2 spi CA 3\n}",
	    "line 4: KEK number ca stands on line 2 already" },

	{ "flock 100 {\nambry\n}", "line 2: \"ambry\" is written \"ambry <path>\"" },
	{ "flock 100 {\nambry a b\n}", "line 2: \"ambry\" is written \"ambry <path>\"" },
	{ "flock 100 {\nambry a\nambry b\n}", "line 3: flock 100 has an ambry on line 2 already" },
	{ "flock 100 {\n} x\n", "line 2: \"}\" is written \"}\"" },

	{ "xflock 100 200", "line 1: \"xflock\" is written \"xflock <hex> <hex> <path>\"" },
	{ "xflock x 200 a", "line 1: \"x\" is not a flock (up to 16 hex digits, not 0)" },
	{ "xflock 100 2 a", "line 1: flock \"2\" names a domain: its last two digits must be 00" },
	{ "xflock 100 100 a", "line 1: xflock of flock 100 with itself" },
	{ "flock 100 {\n}\nxflock 100 200 a",
	    "line 3: xflock of flock 200, which is not in this file" },
	{ "flock 100 {\n}\nxflock 200 100 a",
	    "line 3: xflock of flock 200, which is not in this file" },
	{ "flock 100 {\n}\nflock 200 {\n}\nxflock 100 200 a\nxflock 200 100 b\n",
	    "line 6: xflock 100 200 stands on line 5 already" },

	{ "federate 192.0.2.1",
	    "line 1: \"federate\" is written \"federate <ipv4> <port> [clear <port>] "
	    "[shroud <port>]\"" },
	{ "federate 192.0.2.1 1 clear 2 shroud 3 4",
	    "line 1: \"federate\" is written \"federate <ipv4> <port> [clear <port>] "
	    "[shroud <port>]\"" },
	{ "federate 192.0.2 1", "line 1: \"192.0.2\" is not an IPv4 address" },
	{ "federate 192.0.2.256 1", "line 1: \"192.0.2.256\" is not an IPv4 address" },
	{ "federate ::1 1", "line 1: \"::1\" is not an IPv4 address" },
	{ "federate a.example 1", "line 1: \"a.example\" is not an IPv4 address" },
	{ "federate 0.0.0.0 1", "line 1: \"0.0.0.0\" is not the address of a cathedral" },
	{ "federate 192.0.2.1 0", "line 1: \"0\" is not a port (1 to 65535)" },
	{ "federate 192.0.2.1 65536", "line 1: \"65536\" is not a port (1 to 65535)" },
	{ "federate 192.0.2.1 0x1", "line 1: \"0x1\" is not a port (1 to 65535)" },
	{ "federate 192.0.2.1 1 2 3", "line 1: \"2\" where \"clear\" or \"shroud\" was expected" },
	{ "federate 192.0.2.1 1 clear", "line 1: \"clear\" needs a port" },
	{ "federate 192.0.2.1 1 shroud 2 clear", "line 1: \"clear\" needs a port" },
	{ "federate 192.0.2.1 1 clear 0", "line 1: \"0\" is not a port (1 to 65535)" },
	{ "federate 192.0.2.1 1 clear 2 clear 3", "line 1: \"clear\" stands twice on this line" },
	{ "federate 192.0.2.1 1\nfederate 192.0.2.2 1\nfederate 192.0.2.1 1 clear 2\n",
	    "line 3: this cathedral stands on line 1 already" },
	{ "flock 100 {\n\x1b[2J\n}", "line 2: control character 1b" },
	{ "# \x7f", "line 1: control character 7f" },
};

static void
faults_name_line_and_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		expect_fault(faults[i].text, strlen(faults[i].text), faults[i].fault);
}

static void
nul_bytes_are_refused(void **state)
{
	static const char text[] = "flock 100 {\n}\n\0flock 200 {\n}\n";

	(void)state;
	expect_fault(text, sizeof(text) - 1, "line 3: control character 00");
	expect_fault("", 1, "line 1: control character 00");
}

static char *
ambry_line(size_t path_len)
{
	static const char head[] = "flock 100 {\nambry ";
	size_t head_len = sizeof(head) - 1;
	char *text = malloc(head_len + path_len + 4);

	memcpy(text, head, head_len);
	memset(text + head_len, 'p', path_len);
	memcpy(text + head_len + path_len, "\n}\n", 4);
	return text;
}

static void
paths_and_lines_have_a_longest(void **state)
{
	char *text = ambry_line(255);
	struct settings s = parsed(text);

	(void)state;
	assert_int_equal(strlen(s.flocks[0].ambry), 255);
	settings_free(&s);
	free(text);

	text = ambry_line(256);
	expect_fault(text, strlen(text), "line 2: a path of 256 characters, where at most 255 fit");
	free(text);

	text = ambry_line(505); /* 511 characters with the keyword */
	expect_fault(text, strlen(text), "line 2: a path of 505 characters, where at most 255 fit");
	free(text);

	text = ambry_line(506);
	expect_fault(text, strlen(text), "line 2: 512 characters, where at most 511 fit");
	free(text);
}

static void
a_flock_has_255_numbers(void **state)
{
	char *text = malloc(1 << 16), *at = text + sprintf(text, "flock 100 {\n");
	struct settings s;

	(void)state;
	for (unsigned i = 1; i <= 255; i++)
		at += sprintf(at, "allow %x spi %x %u\n", i * 3, i, i);
	strcpy(at, "}\n");
	s = parsed(text);
	assert_int_equal(s.flocks[0].device_count, 255);
	for (unsigned i = 0; i < 255; i++) {
		assert_int_equal(s.flocks[0].devices[i].id.value, 3 * (i + 1));
		assert_int_equal(s.flocks[0].devices[i].kek_number, i + 1);
		assert_int_equal(s.flocks[0].devices[i].line, i + 2);
	}
	settings_free(&s);

	strcpy(at, "allow ffff spi 7 1\n}\n");
	expect_fault(text, strlen(text), "line 257: KEK number 07 stands on line 8 already");
	free(text);
}

#define MANY 100000u

/* 100,000 flocks of two devices, each with the next an xflock, without a quadratic step. */
static void
many_flocks_are_quick(void **state)
{
	char *text = malloc(MANY * 160 + 64), *at = text;
	struct instant before;
	struct settings s;
	double seconds;

	(void)state;
	for (unsigned i = 1; i <= MANY; i++)
		at += sprintf(at,
		    "flock %x00 {\n allow 1 spi 1 25\n allow 2 spi 2 25\n ambry b/%x\n}\n", i, i);
	for (unsigned i = 1; i < MANY; i++)
		at += sprintf(at, "xflock %x00 %x00 x/%x\n", i + 1, i, i);

	before = clock_now();
	s = parsed(text);
	seconds = (double)(clock_now().mono_ns - before.mono_ns) / 1e9;
	print_message("# %u flocks in %.3f s\n", MANY, seconds);
	assert_int_equal(s.flock_count, MANY);
	assert_int_equal(s.xflock_count, MANY - 1);
	assert_true(s.flocks[MANY - 1].id.value == MANY * UINT64_C(256));
	assert_true(seconds < 5);
	settings_free(&s);

	strcpy(at, "flock 100 {\n}\n");
	expect_fault(text, strlen(text), "line 600000: flock 100 stands on line 1 already");
	free(text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_is_read),
		cmocka_unit_test(lines_are_remembered),
		cmocka_unit_test(every_way_of_writing_is_taken),
		cmocka_unit_test(listeners_of_peers_are_read),
		cmocka_unit_test(faults_name_line_and_reason),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(paths_and_lines_have_a_longest),
		cmocka_unit_test(a_flock_has_255_numbers),
		cmocka_unit_test(many_flocks_are_quick),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
