/* SPDX-License-Identifier: ISC */
/* One process takes over from another; either of them may go away, or say anything, at any time. */
#include "cathedral/io/taker.h"

#include "base/clock.h"
#include "cathedral/io/channel.h"
#include "cathedral/io/handover_says.h"
#include "tests/support/heritage.h"
#include "tests/support/predecessor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define TUNNELS 2000

struct fixture {
	struct predecessor before;
	struct small_site own;
	struct channel channel;
};

static struct fixture *
start(const struct predecessor_options *options)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	predecessor_start(&f->before, options);
	small_site_open(&f->own);
	heritage_listen(f->own.site, 1);
	f->own.site->options.listeners[0] = f->before.listener;
	channel_open(&f->channel, -1);
	return f;
}

static void
end(struct fixture *f)
{
	channel_close(&f->channel);
	predecessor_end(&f->before);
	small_site_close(&f->own);
	free(f);
}

static const struct predecessor_options usual = { .tunnels = TUNNELS };

static struct taker *
knock(struct fixture *f)
{
	struct fault why = { "" };
	struct taker *t = taker_knock(f->before.door, "2.0.0", &why);

	if (t == NULL)
		fail_msg("%s", why.text);
	return t;
}

static void
test_one_takes_over_from_the_other(void **state)
{
	struct fixture *f = start(&usual);
	struct taker *t = knock(f);
	struct overview_succession report = { 0 };
	struct sockets sockets;
	struct fault why = { "" };
	int control, door;

	(void)state;
	assert_int_equal(taker_watchdog_ms(t), 15000);
	assert_true(sockets_take(&sockets, &f->before.listener, 1, taker_sockets(t),
	    &(struct sockets_options){ .buffer = 65536 }, &why));
	assert_int_equal(sockets.rows, 2);
	for (unsigned row = 0; row < 2; row++) {
		assert_int_not_equal(sockets_of(&sockets, row)->main, -1);
		assert_int_not_equal(sockets_of(&sockets, row)->nat, -1);
	}
	assert_int_equal(taker_keepsake(t, KEEPSAKE_CONTROL, "/another/control"), -1);
	assert_int_equal(taker_keepsake(t, KEEPSAKE_METRICS, "/some/control"), -1);
	control = taker_keepsake(t, KEEPSAKE_CONTROL, "/some/control");
	door = taker_keepsake(t, KEEPSAKE_DOOR, f->before.door);
	assert_int_not_equal(control, -1);
	assert_int_not_equal(door, -1);
	predecessor_expect(&f->before, ""); /* it serves on */

	if (taker_take(t, f->own.site, &why) != TAKER_GO)
		fail_msg("%s", why.text);
	assert_int_equal(tunnels_count(f->own.site->tunnels), TUNNELS);
	predecessor_expect(&f->before, "p");
	taker_serves(t, clock_now().mono_ns);
	predecessor_expect(&f->before, "pkkg");
	taker_report(t, &report);
	assert_int_equal(report.handovers, 7);
	assert_in_range(report.gap_ns, 1, 5 * NS_PER_S);
	assert_in_range(clock_now().wall_s - report.taken_s, 0, 5);
	taker_destroy(t);
	close(control);
	close(door);
	sockets_close(&sockets);
	end(f);
}

/* ---- the taker goes away ---- */

enum stage { CONNECTED, GREETED, OFFERED, BEGUN, TOLD, READY, GONE_AFTER_GO, REFUSED_AFTER_GO };

static void
say(struct fixture *f, enum handover_kind kind)
{
	const uint8_t kept[KEEPSAKES] = { 0 };
	size_t len = kind == HANDOVER_BEGIN ? sizeof(kept) : 0;

	assert_true(handover_say(&f->channel, kind, kept, len, -1));
}

/* Hears everything up to this. */
static void
hear(struct fixture *f, enum handover_kind kind)
{
	do
		assert_int_equal(channel_get(&f->channel, 5000), CHANNEL_FRAME);
	while (f->channel.frame.kind != kind);
}

/* As far as this stage. */
static void
take_until(struct fixture *f, enum stage stage)
{
	assert_true(channel_connect(&f->channel, f->before.door));
	if (stage == CONNECTED)
		return;
	say(f, HANDOVER_HELLO);
	if (stage == GREETED)
		return;
	hear(f, HANDOVER_OFFERED);
	if (stage == OFFERED)
		return;
	say(f, HANDOVER_BEGIN);
	if (stage == BEGUN)
		return;
	hear(f, HANDOVER_ALL);
	if (stage == TOLD)
		return;
	say(f, HANDOVER_READY);
	if (stage == READY)
		return;
	hear(f, HANDOVER_GO);
	if (stage == REFUSED_AFTER_GO)
		say(f, HANDOVER_REFUSED);
}

static void
test_it_serves_on_when_the_other_goes_away(void **state)
{
	static const char *const reports[] = {
		[CONNECTED] = "",
		[GREETED] = "",
		[OFFERED] = "",
		[BEGUN] = "",
		[TOLD] = "pr",
		[READY] = "pr",
		[GONE_AFTER_GO] = "pr",
		[REFUSED_AFTER_GO] = "pr",
	};
	const struct predecessor_options many = { .tunnels = 20000 };

	(void)state;
	for (enum stage stage = CONNECTED; stage <= REFUSED_AFTER_GO; stage++) {
		struct fixture *f = start(&many);

		take_until(f, stage);
		if (stage != REFUSED_AFTER_GO)
			channel_close(&f->channel);
		predecessor_expect(&f->before, reports[stage]);
		channel_close(&f->channel);
		/* The next one is welcome. */
		taker_destroy(knock(f));
		end(f);
	}
}

static void
test_it_serves_on_when_the_other_says_nothing(void **state)
{
	struct fixture *f = start(&usual);
	struct cursor c;
	char text[100];

	(void)state;
	take_until(f, TOLD);
	predecessor_expect(&f->before, "pr");
	hear(f, HANDOVER_REFUSED);
	c = cursor_over(f->channel.frame.body, f->channel.frame.len);
	handover_text(&c, text, sizeof(text));
	assert_string_equal(text, "the other cathedral said nothing in time");
	end(f);
}

static void
test_after_go_it_waits_for_a_word(void **state)
{
	struct fixture *f = start(&usual);

	(void)state;
	take_until(f, GONE_AFTER_GO);
	say(f, HANDOVER_HELLO); /* says nothing about who serves */
	predecessor_expect(&f->before, "p");
	usleep(2500000);
	predecessor_expect(&f->before, "p");
	say(f, HANDOVER_SERVING);
	predecessor_expect(&f->before, "pg");
	end(f);
}

static void
test_one_at_a_time(void **state)
{
	struct fixture *f = start(&usual);
	struct fault why = { "" };
	struct taker *t = knock(f);

	(void)state;
	assert_null(taker_knock(f->before.door, "2.0.0", &why));
	assert_non_null(
	    strstr(why.text, ": the other cathedral: another cathedral is taking over already"));
	taker_destroy(t);
	usleep(100000);
	taker_destroy(knock(f));
	end(f);
}

static void
test_another_version_is_refused(void **state)
{
	const struct frame hello = { .kind = HANDOVER_HELLO, .version = 2, .needed = true };
	struct fixture *f = start(&usual);
	struct cursor c;
	char text[120];

	(void)state;
	assert_true(channel_connect(&f->channel, f->before.door));
	assert_true(channel_send(&f->channel, &hello, NULL, 0));
	hear(f, HANDOVER_REFUSED);
	c = cursor_over(f->channel.frame.body, f->channel.frame.len);
	handover_text(&c, text, sizeof(text));
	assert_string_equal(
	    text, "the other cathedral speaks version 2 of the hand-over, this one version 1");
	assert_int_equal(channel_get(&f->channel, 5000), CHANNEL_END);
	channel_close(&f->channel);

	/* No message at all. */
	assert_true(channel_connect(&f->channel, f->before.door));
	assert_int_equal(send(f->channel.fd, "hello", 5, 0), 5);
	hear(f, HANDOVER_REFUSED);
	channel_close(&f->channel);
	taker_destroy(knock(f));
	end(f);
}

static void
test_nobody_there(void **state)
{
	struct fault why = { "" };

	(void)state;
	assert_null(taker_knock("/nonexistent/door", "2.0.0", &why));
	assert_string_equal(why.text,
	    "no cathedral to take over from: /nonexistent/door: No such file or directory");
}

/* ---- the one that serves goes away ---- */

static void
test_it_is_taken_over_from_when_it_dies(void **state)
{
	const struct predecessor_options dies = { .tunnels = TUNNELS, .dies = true };
	struct fixture *f = start(&dies);
	struct taker *t = knock(f);
	struct overview_succession report = { 0 };
	struct fault why = { "" };

	(void)state;
	assert_int_equal(taker_take(t, f->own.site, &why), TAKER_ORPHAN);
	assert_int_equal(tunnels_count(f->own.site->tunnels), TUNNELS); /* it had told most */
	taker_serves(t, clock_now().mono_ns);
	taker_report(t, &report);
	assert_int_equal(report.gap_ns, 0); /* nobody can know */
	taker_destroy(t);
	end(f);
}

/* ---- the one that serves lies ---- */

static struct channel liar;

static void
tell(enum handover_kind kind, const void *body, size_t len)
{
	handover_say(&liar, kind, body, len, -1);
}

static void
greet(uint32_t rows)
{
	uint8_t body[64];
	struct writer w = writer_over(body, sizeof(body));

	writer_be32(&w, (uint32_t)getpid());
	writer_be32(&w, rows);
	writer_be64(&w, 0);
	writer_be64(&w, 0);
	tell(HANDOVER_GREETING, body, sizeof(body) - w.left);
}

static void
offer(void)
{
	const uint8_t row[4] = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	greet(1);
	handover_say(&liar, HANDOVER_SOCKETS, row, sizeof(row), fd);
	close(fd);
	tell(HANDOVER_OFFERED, NULL, 0);
	channel_get(&liar, 5000); /* BEGIN */
}

static int which; /* of the lies; each has a process of its own */

static void
lie(int fd)
{
	const uint8_t row[4] = { 0, 0, 0, 9 }, keepsake[2] = { 99, 'x' }, zeros[200] = { 0 };
	const struct frame needed = { .kind = 77, .version = 5, .needed = true };
	const struct frame tunnels = { .kind = BEQUEST_TUNNELS, .version = 1, .needed = true };

	channel_open(&liar, fd);
	channel_get(&liar, 5000); /* HELLO */
	switch (which) {
	case 0:
		greet(0);
		break;
	case 1:
		greet(65);
		break;
	case 2:
		greet(1);
		tell(HANDOVER_OFFERED, NULL, 0);
		break;
	case 3:
		greet(1);
		handover_say(&liar, HANDOVER_SOCKETS, row, sizeof(row), 0);
		break;
	case 4:
		greet(1);
		handover_say(&liar, HANDOVER_KEEPSAKE, keepsake, sizeof(keepsake), 0);
		break;
	case 5:
		greet(1);
		tell(HANDOVER_GO, NULL, 0);
		break;
	case 6:
		if (write(fd, zeros, sizeof(zeros)) == -1)
			_exit(7);
		break;
	case 7:
		offer();
		channel_send(&liar, &needed, NULL, 0);
		break;
	case 8:
		offer();
		channel_send(&liar, &tunnels, NULL, 0);
		break;
	case 9:
		offer();
		tell(HANDOVER_GO, NULL, 0);
		break;
	case 10:
		offer();
		tell(HANDOVER_REFUSED, "no\n\33[2Jmore", 11);
		break;
	case 11:
		offer();
		tell(HANDOVER_ALL, "12345678", 8);
		channel_get(&liar, 5000); /* READY */
		tell(HANDOVER_ALL, NULL, 0);
		break;
	default:
		break;
	}
	channel_get(&liar, 5000); /* what the other says to that, or its end */
	if (which == 12)
		_exit(0);
}

static void
test_lies_are_refused(void **state)
{
	static const char *const said[] = {
		"the other cathedral greets wrongly",
		"the other cathedral greets wrongly",
		"the other cathedral has no sockets",
		"the other cathedral has sockets of no worker",
		"the other cathedral hands over something unknown",
		"the other cathedral offers something unknown",
		"the other cathedral said something that is no message",
		"needs part 77 in version 5, which this version does not know",
		"what the other cathedral knows: begins without its head",
		"the other cathedral said 264 amid what it knows",
		"the other cathedral: no??[2Jmore",
		"the other cathedral does not say that it has stopped",
	};
	const struct predecessor_options lies = { .lie = lie };

	(void)state;
	for (which = 0; which < (int)(sizeof(said) / sizeof(said[0])); which++) {
		struct fixture *f = start(&lies);
		struct fault why = { "" };
		struct taker *t = taker_knock(f->before.door, "2.0.0", &why);

		if (which < 7)
			assert_null(t);
		else
			assert_int_equal(taker_take(t, f->own.site, &why), TAKER_NOT);
		if (strstr(why.text, said[which]) == NULL)
			fail_msg("%d: %s", which, why.text);
		taker_destroy(t);
		end(f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_takes_over_from_the_other),
		cmocka_unit_test(test_it_serves_on_when_the_other_goes_away),
		cmocka_unit_test(test_it_serves_on_when_the_other_says_nothing),
		cmocka_unit_test(test_after_go_it_waits_for_a_word),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_another_version_is_refused),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_it_is_taken_over_from_when_it_dies),
		cmocka_unit_test(test_lies_are_refused),
	};

	return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
