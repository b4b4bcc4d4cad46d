/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/connections.h"

#include "tests/support/seed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct random randomness;
static struct endpoint peer;

static struct connections *
two_of_each(void)
{
	static const struct connections_options o = { .most = 4, .most_per_source = 2 };
	struct connections *c = connections_create(&o, &randomness);

	assert_non_null(c);
	return c;
}

static enum admission
admit(struct connections *c, int fd)
{
	return connections_admit(c, fd, &peer, false, 100);
}

/* Two ends of a stream: ours, and the other side's. */
struct line {
	int ours, theirs;
};

static struct line
line_open(void)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	return (struct line){ ends[0], ends[1] };
}

static bool
line_ended(const struct line *l)
{
	char byte;

	return recv(l->theirs, &byte, 1, MSG_PEEK) == 0;
}

static void
line_close(const struct line *l)
{
	close(l->ours);
	close(l->theirs);
}

static void
admissions(void **state)
{
	struct connections *c = two_of_each();

	(void)state;
	assert_int_equal(admit(c, 10), ADMISSION_GRANTED);
	assert_int_equal(admit(c, 11), ADMISSION_GRANTED);
	assert_int_equal(admit(c, 12), ADMISSION_SOURCE);
	assert_int_equal(connections_admit(c, 12, &peer, true, 100), ADMISSION_GRANTED);
	assert_int_equal(connections_admit(c, 13, &peer, true, 100), ADMISSION_GRANTED);
	assert_int_equal(connections_admit(c, 14, &peer, true, 100), ADMISSION_FULL);
	assert_int_equal(connections_count(c), 4);

	/* One gives its place back before it began, another after; the exempt one gave none. */
	connections_forget(c, 10);
	connections_end(c, connections_begin(c, 12));
	assert_int_equal(connections_count(c), 2);
	assert_int_equal(admit(c, 15), ADMISSION_GRANTED);
	assert_int_equal(admit(c, 16), ADMISSION_SOURCE);
	connections_destroy(c);
	connections_destroy(NULL);
}

static void
who_was_not_admitted_cannot_begin(void **state)
{
	struct connections *c = two_of_each();

	(void)state;
	assert_null(connections_begin(c, 10));
	assert_true(connections_settled(c));
	assert_int_equal(admit(c, 10), ADMISSION_GRANTED);
	assert_false(connections_settled(c));
	assert_non_null(connections_begin(c, 10));
	assert_true(connections_settled(c));
	assert_null(connections_begin(c, 10));
	connections_destroy(c);
}

/* The library lost a socket without a word: its place comes back all the same. */
static void
sockets_lost_on_the_way(void **state)
{
	struct connections *c = two_of_each();
	struct connections_late late;

	(void)state;
	/* The number is given out again: the one that had it is gone. */
	for (int n = 0; n < 10; n++)
		assert_int_equal(admit(c, 10), ADMISSION_GRANTED);
	assert_int_equal(connections_count(c), 1);
	/* It is not: time tells. */
	assert_int_equal(admit(c, 11), ADMISSION_GRANTED);
	late = connections_reap(c, 99, false);
	assert_int_equal(connections_count(c), 2);
	late = connections_reap(c, 100, false);
	assert_int_equal(connections_count(c), 0);
	assert_int_equal(late.head, 0); /* nobody was shown out */
	connections_destroy(c);
}

static void
who_is_late(void **state)
{
	static const struct {
		enum wait wait;
		uint64_t due, now;
		bool draining, ended, head, body;
	} cases[] = {
		{ WAIT_HEAD, 50, 49, false, false, false, false },
		{ WAIT_HEAD, 50, 50, false, true, true, false },
		{ WAIT_HEAD, 50, 49, true, false, false, false }, /* the way in is shut */
		{ WAIT_HEAD, 50, 51, true, true, true, false },
		{ WAIT_BODY, 50, 49, false, false, false, false },
		{ WAIT_BODY, 50, 50, false, true, false, true },
		{ WAIT_BODY, 50, 49, true, false, false, false },
		{ WAIT_ANSWER, 50, 50, false, true, false, true },
		{ WAIT_ANSWER, 50, 49, true, false, false, false },
		{ WAIT_US, 0, 1000, false, false, false, false },
		{ WAIT_US, 0, 1000, true, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct connections *c = two_of_each();
		struct line l = line_open();
		struct connections_late late;
		struct connection *k;

		assert_int_equal(admit(c, l.ours), ADMISSION_GRANTED);
		k = connections_begin(c, l.ours);
		connection_wait(k, cases[i].wait, cases[i].due);
		late = connections_reap(c, cases[i].now, cases[i].draining);
		assert_int_equal(line_ended(&l), cases[i].ended);
		assert_int_equal(late.head, cases[i].head);
		assert_int_equal(late.body, cases[i].body);
		/* Nobody is counted twice. */
		late = connections_reap(c, cases[i].now, cases[i].draining);
		assert_int_equal(late.head + late.body, 0);
		connections_end(c, k);
		line_close(&l);
		connections_destroy(c);
	}
}

/* What came in before can still be read, and answered. */
static void
draining_shuts_only_the_way_in(void **state)
{
	struct connections *c = two_of_each();
	struct line l = line_open();
	char byte;

	(void)state;
	assert_int_equal(admit(c, l.ours), ADMISSION_GRANTED);
	assert_non_null(connections_begin(c, l.ours));
	assert_int_equal(send(l.theirs, "?", 1, 0), 1);
	connections_reap(c, 0, true);
	assert_int_equal(recv(l.ours, &byte, 1, 0), 1);
	assert_int_equal(recv(l.ours, &byte, 1, 0), 0);
	assert_int_equal(send(l.ours, "!", 1, 0), 1);
	assert_int_equal(recv(l.theirs, &byte, 1, 0), 1);
	line_close(&l);
	connections_destroy(c);
}

/* So that nobody needs to look before. */
static void
when_the_next_is_late(void **state)
{
	static const uint64_t due[] = { 70, 40, 90 };
	static const struct connections_options o = { .most = 4 };
	struct connections *c = connections_create(&o, &randomness);
	struct line l[3];

	(void)state;
	assert_non_null(c);
	assert_true(connections_reap(c, 0, false).next_ns == UINT64_MAX);
	for (size_t i = 0; i < 3; i++) {
		l[i] = line_open();
		assert_int_equal(admit(c, l[i].ours), ADMISSION_GRANTED);
		connection_wait(connections_begin(c, l[i].ours), WAIT_HEAD, due[i]);
	}
	assert_true(connections_reap(c, 0, false).next_ns == 40);
	assert_true(connections_reap(c, 40, false).next_ns == 70);
	assert_true(connections_reap(c, 100, false).next_ns == UINT64_MAX);
	for (size_t i = 0; i < 3; i++)
		line_close(&l[i]);
	connections_destroy(c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(admissions),
		cmocka_unit_test(who_was_not_admitted_cannot_begin),
		cmocka_unit_test(sockets_lost_on_the_way),
		cmocka_unit_test(who_is_late),
		cmocka_unit_test(draining_shuts_only_the_way_in),
		cmocka_unit_test(when_the_next_is_late),
	};

	random_for_test(&randomness);
	if (!endpoint_parse(&peer, "192.0.2.1:5"))
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("connections", tests, NULL, NULL);
}
