/* SPDX-License-Identifier: ISC */
/* How long one may take, and how many may come.  Hours pass here in no time. */
#include "tests/support/http_stand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define IDLE_S 100
#define BODY_S 20

/* Longer than it takes to notice who is late. */
#define NOTICE_MS 200

static struct http_stand *
strict_stand(void)
{
	struct http_stand *s = stand_new();

	s->o.idle_s = IDLE_S;
	s->o.body_s = BODY_S;
	s->o.body_rate = 10;
	return s;
}

static struct server_counts
counts_of(struct http_stand *s)
{
	struct server_counts counts;

	server_counts(s->server, &counts);
	return counts;
}

/* Somebody sees that he was shown out before it is counted. */
static bool
late_were(struct http_stand *s, uint64_t idle, uint64_t body)
{
	for (int n = 0; n < HTTP_PATIENCE_MS; n++) {
		struct server_counts counts = counts_of(s);

		if (counts.timed_out_idle == idle && counts.timed_out_body == body)
			return true;
		usleep(1000);
	}
	return false;
}

static void
ask(struct http_client *c, const char *path)
{
	const struct http_request rq = { .method = "GET", .path = path };
	struct http_answer a;

	assert_true(http_send_request(c, &rq));
	assert_true(http_read(c, &a, HTTP_PATIENCE_MS));
	assert_int_equal(a.status, 200);
	http_answer_free(&a);
}

static void
silent_ones_go(void **state)
{
	struct http_stand *s = strict_stand();
	struct http_client never, once;

	(void)state;
	stand_open(s);
	assert_true(http_open(&never, &s->at));
	assert_true(http_open(&once, &s->at));
	assert_true(stand_wait_connections(s, 2));
	stand_pass(IDLE_S - 10);
	ask(&once, "/echo"); /* its time begins again */
	assert_true(http_silent(&never, NOTICE_MS));
	stand_pass(11);
	assert_true(http_ended(&never, HTTP_PATIENCE_MS));
	assert_true(http_silent(&once, NOTICE_MS));
	stand_pass(IDLE_S - 10);
	assert_true(http_ended(&once, HTTP_PATIENCE_MS));
	assert_true(late_were(s, 2, 0));
	assert_int_equal(counts_of(s).aborted, 0);
	http_close(&never);
	http_close(&once);
	stand_close(s);
}

/* A byte now and then buys no time. */
static void
a_slow_head_gets_no_more_than_a_silent_one(void **state)
{
	struct http_stand *s = strict_stand();
	struct http_client c;

	(void)state;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	assert_true(http_print(&c, "GET /echo HTTP/1.1\r\nHost: a\r\n"));
	assert_true(stand_wait_connections(s, 1));
	for (unsigned passed = 0; passed < IDLE_S - 10; passed += 30) {
		assert_true(http_print(&c, "x-%u: y\r\n", passed));
		stand_pass(30);
	}
	assert_true(http_silent(&c, 50));
	stand_pass(11);
	assert_true(http_ended(&c, HTTP_PATIENCE_MS));
	assert_true(late_were(s, 1, 0));
	http_close(&c);
	assert_int_equal(stand_close(s).begun, 0);
}

static void
a_body_that_stops_is_cut_off(void **state)
{
	struct http_stand *s = strict_stand();
	struct http_client c;

	(void)state;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	assert_true(
	    http_print(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhello"));
	assert_true(http_silent(&c, NOTICE_MS));
	stand_pass(BODY_S + 1);
	assert_true(http_ended(&c, HTTP_PATIENCE_MS));
	assert_true(late_were(s, 0, 1));
	http_close(&c);
	assert_true(stand_quiet(s));
	assert_int_equal(stand_close(s).run, 0);
}

/* One that never stops but never gets on either. */
static void
a_body_must_keep_a_pace(void **state)
{
	struct http_stand *s = strict_stand();
	struct http_client fast, slow;
	unsigned passed = 0;

	(void)state;
	stand_open(s);
	assert_true(http_open(&fast, &s->at));
	assert_true(http_open(&slow, &s->at));
	assert_true(
	    http_print(&fast, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"));
	assert_true(
	    http_print(&slow, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"));
	/* 50 bytes in 4 s are 12.5 a second; 10 are asked for. */
	for (; passed < 3 * BODY_S; passed += 4) {
		assert_true(http_print(
		    &fast, "%.50s", "01234567890123456789012345678901234567890123456789"));
		http_print(&slow, "0");
		assert_true(http_silent(&fast, 30));
		stand_pass(4);
	}
	assert_true(http_ended(&slow, HTTP_PATIENCE_MS));
	assert_true(http_silent(&fast, NOTICE_MS));
	assert_true(late_were(s, 0, 1));
	http_close(&fast);
	http_close(&slow);
	stand_close(s);
}

/* Who does not take his answer may not keep it waiting. */
static void
an_answer_must_be_taken(void **state)
{
	struct http_stand *s = strict_stand();
	struct http_client c;
	struct http_answer a;

	(void)state;
	s->o.body_rate = 1 << 20;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	assert_true(http_print(&c, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_false(http_silent(&c, HTTP_PATIENCE_MS));
	stand_pass(BODY_S + 2); /* 8 MiB may take 8 s more */
	assert_true(late_were(s, 0, 0));
	stand_pass(8);
	assert_true(stand_wait_connections(s, 0));
	assert_true(late_were(s, 0, 1));
	assert_false(http_read(&c, &a, HTTP_PATIENCE_MS));
	http_answer_free(&a);
	http_close(&c);
	stand_close(s);
}

static void
our_own_work_is_never_late(void **state)
{
	struct http_stand *s = strict_stand();
	struct http_client c;
	struct http_answer a;

	(void)state;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	assert_true(http_print(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(stand_wait_held(s, 1));
	stand_pass(10 * IDLE_S);
	assert_true(http_silent(&c, NOTICE_MS));
	stand_release(s);
	assert_true(http_read(&c, &a, HTTP_PATIENCE_MS));
	assert_int_equal(a.status, 200);
	http_answer_free(&a);
	http_close(&c);
	stand_close(s);
}

static void
so_many_in_all(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client c[5];

	(void)state;
	s->o.connections_max = 4;
	stand_open(s);
	for (unsigned n = 0; n < 4; n++) {
		assert_true(http_open(&c[n], &s->at));
		ask(&c[n], "/echo");
	}
	assert_true(http_open(&c[4], &s->at));
	assert_true(http_ended(&c[4], HTTP_PATIENCE_MS));
	http_close(&c[4]);
	assert_int_equal(counts_of(s).refused_full, 1);
	assert_int_equal(counts_of(s).accepted, 4);
	assert_int_equal(counts_of(s).connections, 4);
	/* The others are none the worse, and when one goes there is room for one. */
	ask(&c[0], "/echo");
	http_close(&c[3]);
	assert_true(stand_wait_connections(s, 3));
	assert_true(http_open(&c[4], &s->at));
	ask(&c[4], "/echo");
	http_close(&c[4]);
	for (unsigned n = 0; n < 3; n++)
		http_close(&c[n]);
	assert_true(stand_wait_connections(s, 0));
	stand_close(s);
}

static void
so_many_from_one_source(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client c[3], other;

	(void)state;
	s->o.connections_per_source = 2;
	stand_open(s);
	for (unsigned n = 0; n < 2; n++) {
		assert_true(http_open(&c[n], &s->at));
		ask(&c[n], "/echo");
	}
	assert_true(http_open(&c[2], &s->at));
	assert_true(http_ended(&c[2], HTTP_PATIENCE_MS));
	http_close(&c[2]);
	assert_int_equal(counts_of(s).refused_source, 1);
	assert_true(http_open_from(&other, &s->at, "127.0.0.2"));
	ask(&other, "/echo");
	http_close(&c[0]);
	assert_true(stand_wait_connections(s, 2));
	assert_true(http_open(&c[0], &s->at));
	ask(&c[0], "/echo");
	http_close(&c[0]);
	http_close(&c[1]);
	http_close(&other);
	stand_close(s);
}

static void
proxies_stand_for_many(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client c[10];

	(void)state;
	s->o.connections_per_source = 2;
	assert_true(endpoint_parse_ip(&s->o.proxies[s->o.proxy_count++], "127.0.0.1"));
	stand_open(s);
	for (unsigned n = 0; n < 10; n++) {
		assert_true(http_open(&c[n], &s->at));
		ask(&c[n], "/echo");
	}
	for (unsigned n = 0; n < 10; n++)
		http_close(&c[n]);
	assert_int_equal(counts_of(s).refused_source, 0);
	stand_close(s);
}

/* Whoever came in last may have done so after an hour had passed: so more than one does. */
static bool
all_gone(struct http_stand *s, unsigned came)
{
	for (int hour = 0; hour < 10; hour++) {
		struct server_counts counts = counts_of(s);

		if (counts.connections == 0 && counts.accepted == came)
			return true;
		stand_pass(3601);
		usleep(NOTICE_MS * 1000);
	}
	return false;
}

/*
 * Coming and going leaves nothing behind: no connection is counted for ever.  (Of who hangs up with
 * the same packet that brought half a head the library takes no notice, only the door does.)
 */
static void
who_hangs_up_is_forgotten(void **state)
{
	struct http_stand *s = stand_new();
	const struct linger at_once = { .l_onoff = 1 };

	(void)state;
	s->o.connections_per_source = 8;
	stand_open(s);
	for (unsigned n = 0; n < 48; n++) {
		struct http_client c;

		assert_true(http_open(&c, &s->at));
		if (n % 3 == 0)
			assert_true(http_print(&c, "GET /echo HTTP/1.1\r\nHo"));
		if (n % 2 == 0)
			setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		http_close(&c);
		if (n % 8 == 7)
			assert_true(all_gone(s, n + 1));
	}
	assert_int_equal(counts_of(s).refused_source, 0);
	stand_close(s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_ones_go),
		cmocka_unit_test(a_slow_head_gets_no_more_than_a_silent_one),
		cmocka_unit_test(a_body_that_stops_is_cut_off),
		cmocka_unit_test(a_body_must_keep_a_pace),
		cmocka_unit_test(an_answer_must_be_taken),
		cmocka_unit_test(our_own_work_is_never_late),
		cmocka_unit_test(so_many_in_all),
		cmocka_unit_test(so_many_from_one_source),
		cmocka_unit_test(proxies_stand_for_many),
		cmocka_unit_test(who_hangs_up_is_forgotten),
	};

	return cmocka_run_group_tests_name("server limits", tests, NULL, NULL);
}
