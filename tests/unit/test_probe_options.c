/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-probe/options.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 96

#define DEVICE_WORDS "--flock cafeba00 --id badf00d --tunnel cafe --cs a.cs --cosk a.cosk "
#define COMPLETE     "--cathedral 192.0.2.1:4500 " DEVICE_WORDS
#define PAIR                                                                                       \
	"--cathedral 192.0.2.1:4500 --flock cafeba00 --tunnel cafe --id-a badf00d --id-b fe "      \
	"--cs-a a.cs --cs-b b.cs --cosk-a a.cosk --cosk-b b.cosk "

static struct options options;
static struct fault why;
static char line[2048]; /* what the options point into */

/* Parses a line of words; getopt's own complaints are kept off the test's output. */
static bool
parse(enum command_bit bit, const char *text)
{
	static char name[] = "register";
	char *words[WORDS_MAX] = { name };
	int count = 1;
	bool help;

	snprintf(line, sizeof(line), "%s", text);
	for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
		words[count++] = word;
	optind = 0;
	opterr = 0;
	return options_parse(&options, count, words, bit, &help, &why);
}

static void
expect(enum command_bit bit, const char *text)
{
	if (!parse(bit, text))
		fail_msg("%s: %s", text, why.text);
}

static void
defaults_are_a_real_device(void **state)
{
	const struct device_options *d = &options.ends[0];
	char text[ENDPOINT_TEXT];

	(void)state;
	expect(FOR_REGISTER, COMPLETE);
	assert_int_equal(d->cathedral_count, 1);
	assert_string_equal(endpoint_format(&d->cathedrals[0], text), "192.0.2.1:4500");
	assert_int_equal(d->flock, 0xcafeba00);
	assert_int_equal(d->flock_dst, 0xcafeba00);
	assert_int_equal(d->id, 0x0badf00d);
	assert_int_equal(d->tunnel, 0xcafe);
	assert_string_equal(d->cs, "a.cs");
	assert_null(d->kek);
	assert_true(d->shroud);
	assert_false(d->has_bind);
	assert_int_equal(d->mtu, 1373);
	assert_int_equal(d->nat_port, 0);
	assert_int_equal(d->interval_ns, 5 * NS_PER_S);
	assert_int_equal(d->give_up_ns, 45 * NS_PER_S);
	assert_int_equal(options.duration_ns, 12 * NS_PER_S);
	assert_int_equal(options.group, NOT_GIVEN);
}

static void
everything_is_read(void **state)
{
	const struct device_options *d = &options.ends[0];
	char text[ENDPOINT_TEXT];

	(void)state;
	expect(FOR_REGISTER, COMPLETE
	    "--cathedral [2001:db8::1]:4501 --nat-port 4502 --flock-dst bbbbbb00 --domain 7 "
	    "--kek a.kek --bind [2001:db8::2]:99 --shroud no --mtu 1200 --interval 0.5 --give-up 3 "
	    "--remembrance --rx-spi cafe1111 --tx-spi feca2222 --group 77 --signal 01,fe --hidden "
	    "--expect info,remembrance --duration 1.25 --json");
	assert_int_equal(d->cathedral_count, 2);
	assert_string_equal(endpoint_format(&d->cathedrals[1], text), "[2001:db8::1]:4501");
	assert_int_equal(d->nat_port, 4502);
	assert_int_equal(d->flock, 0xcafeba07);
	assert_int_equal(d->flock_dst, 0xbbbbbb07);
	assert_string_equal(d->kek, "a.kek");
	assert_true(d->has_bind);
	assert_string_equal(endpoint_format(&d->bind, text), "[2001:db8::2]:99");
	assert_false(d->shroud);
	assert_int_equal(d->mtu, 1200);
	assert_int_equal(d->interval_ns, NS_PER_S / 2);
	assert_int_equal(d->give_up_ns, 3 * NS_PER_S);
	assert_true(d->remembrance);
	assert_int_equal(d->rx_spi, 0xcafe1111);
	assert_int_equal(d->tx_spi, 0xfeca2222);
	assert_int_equal(options.group, 0x77);
	assert_true(options.signalling && options.hidden && options.json);
	assert_true(kek_set_has(&options.signalled, 0x01) && kek_set_has(&options.signalled, 0xfe));
	assert_int_equal(kek_set_count(&options.signalled), 2);
	assert_int_equal(options.expect, 1u << DEVICE_INFO | 1u << DEVICE_REMEMBRANCE);
	assert_int_equal(options.duration_ns, 1250 * NS_PER_MS);

	expect(FOR_END, COMPLETE "--echo --p2p --rate 0.5 --size 100 --bind 192.0.2.9");
	assert_true(options.echo && options.p2p);
	assert_int_equal(options.silence_ns, 5 * NS_PER_S);
	assert_true(options.rate > 0.49 && options.rate < 0.51);
	assert_int_equal(options.size, 100);
	assert_int_equal(options.duration_ns, UINT64_MAX);
	assert_string_equal(endpoint_format(&d->bind, text), "192.0.2.9:0");
	expect(FOR_END, COMPLETE "--silence 0.02");
	assert_int_equal(options.silence_ns, 20 * NS_PER_MS);
}

static void
pair_is_seen_from_a(void **state)
{
	const struct device_options *a = &options.ends[0], *b = &options.ends[1];

	(void)state;
	expect(FOR_PAIR, PAIR "--shroud-b no --cathedral-b 192.0.2.2:4500 --max-loss 0.5");
	assert_int_equal(a->tunnel, 0xcafe);
	assert_int_equal(b->tunnel, 0xfeca);
	assert_int_equal(b->flock, 0xcafeba00);
	assert_int_equal(b->flock_dst, 0xcafeba00);
	assert_string_equal(b->cosk, "b.cosk");
	assert_true(a->shroud && !b->shroud);
	assert_int_equal(a->cathedral_count, 1);
	assert_int_equal(b->cathedral_count, 2);
	assert_true(options.max_loss > 0.49 && options.max_latency_ms < 0 && options.max_gap_s < 0);

	/* Two flocks: said once for both, or for a alone, or for each. */
	expect(FOR_PAIR, PAIR "--flock-dst bbbbbb00 --domain 3");
	assert_int_equal(a->flock, 0xcafeba03);
	assert_int_equal(b->flock, 0xbbbbbb03);
	assert_int_equal(b->flock_dst, 0xcafeba03);
	expect(FOR_PAIR, PAIR "--flock-dst-a bbbbbb00 --flock-b bbbbbb00");
	assert_int_equal(b->flock, 0xbbbbbb00);
	assert_int_equal(a->flock_dst, 0xbbbbbb00);
	expect(FOR_PAIR, PAIR "--flock-a aaaaaa00 --flock-dst-a bbbbbb00 --flock-b bbbbbb00 "
			      "--flock-dst-b aaaaaa00 --tunnel-b feca");
	assert_int_equal(a->flock, 0xaaaaaa00);
	assert_int_equal(b->flock_dst, 0xaaaaaa00);
}

static void
mistakes_are_explained(void **state)
{
	static const struct {
		enum command_bit bit;
		const char *text, *want;
	} cases[] = {
		{ FOR_REGISTER, DEVICE_WORDS, "--cathedral is missing" },
		{ FOR_REGISTER, "--cathedral 192.0.2.1:4500 --flock 1", "--id is missing" },
		{ FOR_PAIR, PAIR "--cs-a x --id-b badf00d",
		    "both ends are the same device; --id-b names the other" },
		{ FOR_PAIR, PAIR "--tunnel-b fecb",
		    "--tunnel-b must be --tunnel-a with its two halves swapped" },
		{ FOR_PAIR, "--cathedral-a 192.0.2.1:1 " DEVICE_WORDS "--id-b fe",
		    "--cathedral-b is missing" },
		{ FOR_REGISTER, COMPLETE "--cathedral 192.0.2.1",
		    "--cathedral 192.0.2.1: expected an address with its port, 192.0.2.1:4500 or "
		    "[2001:db8::1]:4500" },
		{ FOR_REGISTER, COMPLETE "--cathedral 192.0.2.1:0",
		    "--cathedral 192.0.2.1:0: expected an address with its port, 192.0.2.1:4500 or "
		    "[2001:db8::1]:4500" },
		{ FOR_REGISTER, COMPLETE "--bind here",
		    "--bind here: expected an address, or one with a port: 192.0.2.1, "
		    "[2001:db8::1]:4500" },
		{ FOR_REGISTER, COMPLETE "--nat-port 65536",
		    "--nat-port 65536: expected a number up to 65535" },
		{ FOR_REGISTER, COMPLETE "--tunnel 10000",
		    "--tunnel 10000: expected a hexadecimal number up to ffff" },
		{ FOR_REGISTER, COMPLETE "--domain 100",
		    "--domain 100: expected a hexadecimal number up to ff" },
		{ FOR_REGISTER, COMPLETE "--shroud maybe", "--shroud maybe: expected yes or no" },
		{ FOR_REGISTER, COMPLETE "--interval 0",
		    "--interval 0: expected seconds, 0.001 to 3600" },
		{ FOR_REGISTER, COMPLETE "--duration nan",
		    "--duration nan: expected seconds, 0.001 to 1000000" },
		{ FOR_REGISTER, COMPLETE "--mtu 2049", "--mtu 2049: expected a number up to 2048" },
		{ FOR_REGISTER, COMPLETE "--group 1 --signal 01,100",
		    "--signal 01,100: expected KEK numbers with commas between: 01,fe" },
		{ FOR_REGISTER, COMPLETE "--group 1 --signal 0",
		    "--signal 0: expected KEK numbers with commas between: 01,fe" },
		{ FOR_REGISTER, COMPLETE "--hidden", "--signal and --hidden go with --group" },
		{ FOR_REGISTER, COMPLETE "--expect info,miracle",
		    "--expect info,miracle: expected some of info,ambry,liturgy,remembrance" },
		{ FOR_REGISTER, COMPLETE "--expect data",
		    "--expect data: expected some of info,ambry,liturgy,remembrance" },
		{ FOR_END, COMPLETE "--rate -1", "--rate -1: expected a number from 0 to 1000000" },
		{ FOR_END, COMPLETE "--rate 5x", "--rate 5x: expected a number from 0 to 1000000" },
		{ FOR_END, COMPLETE "--size 72", "--size must be at least 73" },
		{ FOR_END, COMPLETE "--size 1474", "--size must be at most 1473 under shroud" },
		{ FOR_END, COMPLETE "--shroud no --size 1522", NULL },
		{ FOR_END, COMPLETE "--shroud no --size 1523",
		    "--size 1523: expected a number up to 1522" },
		{ FOR_PAIR, PAIR "--max-loss 101",
		    "--max-loss 101: expected a number from 0 to 100" },
		{ FOR_REGISTER, COMPLETE "more", "more: what is this?" },
		/* Said by getopt_long(), which names the option. */
		{ FOR_REGISTER, COMPLETE "--echo", "" },
		{ FOR_REGISTER, COMPLETE "--flock-a 1", "" },
		{ FOR_END, COMPLETE "--conjure", "" },
		{ FOR_END, COMPLETE "--size", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool ok = parse(cases[i].bit, cases[i].text);

		if (ok != (cases[i].want == NULL))
			fail_msg("%s: %s", cases[i].text, ok ? "taken" : why.text);
		if (!ok)
			assert_string_equal(why.text, cases[i].want);
	}
}

static void
cathedrals_have_an_end(void **state)
{
	char text[2048] = COMPLETE;

	(void)state;
	for (unsigned i = 1; i < DEVICE_CATHEDRALS; i++)
		strcat(text, "--cathedral [::1]:1 ");
	expect(FOR_REGISTER, text);
	assert_int_equal(options.ends[0].cathedral_count, DEVICE_CATHEDRALS);
	strcat(text, "--cathedral [::1]:1 ");
	assert_false(parse(FOR_REGISTER, text));
	assert_string_equal(why.text, "--cathedral [::1]:1: more than 32 cathedrals");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_a_real_device),
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(pair_is_seen_from_a),
		cmocka_unit_test(mistakes_are_explained),
		cmocka_unit_test(cathedrals_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
