/* SPDX-License-Identifier: ISC */
/* Answers that come later, many clients at once, and how a server begins and ends. */
#include "tests/support/http_stand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CROWD          200
#define CROWD_REQUESTS 10
#define EVENTS_AT_ONCE 128

static void
get(struct http_client *c, const char *path)
{
	assert_true(http_send_request(c, &(struct http_request){ .method = "GET", .path = path }));
}

static void
expect(struct http_client *c, unsigned status)
{
	struct http_answer a;

	assert_true(http_read(c, &a, HTTP_PATIENCE_MS));
	assert_int_equal(a.status, status);
	http_answer_free(&a);
}

static void
answers_that_come_later(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client c;

	(void)state;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	for (int n = 0; n < 100; n++) {
		get(&c, "/later");
		expect(&c, 200);
	}
	get(&c, "/hold");
	assert_true(stand_wait_held(s, 1));
	assert_true(http_silent(&c, 20));
	stand_release(s);
	expect(&c, 200);
	http_close(&c);
	assert_int_equal(stand_close(s).run, 101);
}

/* Whether the connection sleeps already when it is called, or not yet. */
static void
requests_that_are_run_again(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client c;

	(void)state;
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	for (int n = 0; n < 200; n++) {
		get(&c, "/again");
		expect(&c, 200);
	}
	http_close(&c);
	assert_int_equal(stand_close(s).run, 200 * (AGAIN + 1));
}

/* While some wait, others are served by the same thread. */
static void
who_waits_keeps_nobody_else_waiting(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client held[8], c;

	(void)state;
	stand_open(s);
	for (int n = 0; n < 8; n++) {
		assert_true(http_open(&held[n], &s->at));
		get(&held[n], "/hold");
	}
	assert_true(stand_wait_held(s, 8));
	assert_true(http_open(&c, &s->at));
	get(&c, "/echo");
	expect(&c, 200);
	http_close(&c);
	stand_release(s);
	for (int n = 0; n < 8; n++) {
		expect(&held[n], 200);
		http_close(&held[n]);
	}
	stand_close(s);
}

static void
who_went_away_meanwhile(void **state)
{
	struct http_stand *s = stand_new();
	const struct linger at_once = { .l_onoff = 1 };
	struct server_counts counts;

	(void)state;
	stand_open(s);
	for (unsigned n = 0; n < 20; n++) {
		struct http_client c;

		assert_true(http_open(&c, &s->at));
		get(&c, "/hold");
		assert_true(stand_wait_held(s, n + 1));
		if (n % 2 == 0)
			setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		http_close(&c);
	}
	stand_release(s);
	assert_true(stand_quiet(s));
	assert_true(stand_wait_connections(s, 0));
	server_counts(s->server, &counts);
	assert_true(counts.aborted >= 10); /* of those that reset the connection, we know */
	assert_int_equal(stand_close(s).done, 20);
}

struct member {
	pthread_t thread;
	const struct endpoint *at;
	unsigned number, right;
};

/* No assertion in here: it is not the main thread. */
static void *
run_member(void *arg)
{
	static const char *const paths[] = { "/echo", "/later", "/json", "/refuse" };
	struct member *m = arg;
	struct http_client c;

	if (!http_open(&c, m->at))
		return NULL;
	for (unsigned n = 0; n < CROWD_REQUESTS; n++) {
		char body[32], want[64];
		unsigned kind = (m->number + n) % 4;
		struct http_request rq = { "POST", paths[kind], NULL, body, 0 };
		struct http_answer a;

		rq.body_len = (size_t)snprintf(body, sizeof(body), "%u of %u", n, m->number);
		snprintf(want, sizeof(want), "POST %s\n", body);
		if (!http_send_request(&c, &rq) || !http_read(&c, &a, 10 * HTTP_PATIENCE_MS))
			break;
		if (kind < 2)
			m->right += a.status == 200 && strcmp(a.body, want) == 0;
		else
			m->right += a.status == (kind == 2 ? 200 : 401);
		http_answer_free(&a);
	}
	http_close(&c);
	return NULL;
}

static void
a_crowd_at_once(void **state)
{
	static struct member crowd[CROWD];
	struct http_stand *s = stand_new();
	struct stand_tally tally;
	struct server_counts counts;

	(void)state;
	s->o.threads = 4;
	stand_open(s);
	for (unsigned n = 0; n < CROWD; n++) {
		crowd[n] = (struct member){ .at = &s->at, .number = n };
		assert_int_equal(pthread_create(&crowd[n].thread, NULL, run_member, &crowd[n]), 0);
	}
	for (unsigned n = 0; n < CROWD; n++)
		pthread_join(crowd[n].thread, NULL);
	for (unsigned n = 0; n < CROWD; n++)
		assert_int_equal(crowd[n].right, CROWD_REQUESTS);
	server_counts(s->server, &counts);
	assert_int_equal(counts.accepted, CROWD);
	tally = stand_close(s);
	assert_int_equal(tally.begun, CROWD * CROWD_REQUESTS);
	assert_int_equal(tally.run, CROWD * CROWD_REQUESTS / 4 * 3);
}

/* The library takes no more events than these from the kernel before it looks at them. */
static void
as_many_at_once_as_the_library_takes(void **state)
{
	static struct http_client crowd[EVENTS_AT_ONCE];
	struct http_stand *s = stand_new();
	struct http_client holder;

	(void)state;
	stand_open(s);
	assert_true(http_open(&holder, &s->at));
	for (unsigned n = 0; n < EVENTS_AT_ONCE; n++) {
		assert_true(http_open(&crowd[n], &s->at));
		get(&crowd[n], "/echo");
		expect(&crowd[n], 200);
	}
	/* The one thread is at work while all of them ask. */
	pthread_mutex_lock(&s->lock);
	get(&holder, "/hold");
	while (atomic_load(&s->run) <= EVENTS_AT_ONCE)
		usleep(1000);
	for (unsigned n = 0; n < EVENTS_AT_ONCE; n++)
		get(&crowd[n], "/echo");
	pthread_mutex_unlock(&s->lock);
	for (unsigned n = 0; n < EVENTS_AT_ONCE; n++) {
		expect(&crowd[n], 200);
		http_close(&crowd[n]);
	}
	assert_true(stand_wait_held(s, 1));
	stand_release(s);
	expect(&holder, 200);
	http_close(&holder);
	assert_int_equal(stand_close(s).run, 2 * EVENTS_AT_ONCE + 1);
}

/* What was begun is finished; who only waited goes; nobody comes in. */
static void
draining(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client idle, held, sending, late;
	struct http_answer a;

	(void)state;
	stand_open(s);
	assert_true(http_open(&idle, &s->at));
	get(&idle, "/echo");
	expect(&idle, 200);
	assert_true(http_open(&held, &s->at));
	get(&held, "/hold");
	assert_true(stand_wait_held(s, 1));
	assert_true(http_open(&sending, &s->at));
	assert_true(
	    http_print(&sending, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab"));
	while (atomic_load(&s->begun) < 3)
		usleep(1000);

	server_drain(s->server);
	assert_true(http_ended(&idle, HTTP_PATIENCE_MS));
	assert_false(http_open(&late, &s->at));
	http_close(&late);
	assert_true(http_print(&sending, "cd"));
	assert_true(http_read(&sending, &a, HTTP_PATIENCE_MS));
	assert_string_equal(a.body, "POST abcd\n");
	assert_string_equal(http_field(&a, "Connection"), "close");
	http_answer_free(&a);
	assert_true(http_ended(&sending, HTTP_PATIENCE_MS));
	stand_release(s);
	assert_true(http_read(&held, &a, HTTP_PATIENCE_MS));
	assert_int_equal(a.status, 200);
	http_answer_free(&a);
	assert_true(http_ended(&held, HTTP_PATIENCE_MS));
	assert_true(stand_wait_connections(s, 0));
	http_close(&idle);
	http_close(&held);
	http_close(&sending);
	stand_close(s);
}

/* Clients in every state there is, when the server ends. */
static void
the_end_in_the_middle_of_everything(void **state)
{
	static const char *const half[] = { "", "GET", "GET / HTTP/1.1\r\n",
		"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234",
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n01234",
		"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" };
	struct http_client c[24];

	(void)state;
	for (unsigned threads = 1; threads <= 2; threads++) {
		struct http_stand *s = stand_new();

		s->o.threads = threads;
		stand_open(s);
		for (unsigned n = 0; n < 24; n++) {
			assert_true(http_open(&c[n], &s->at));
			assert_true(http_print(&c[n], "%s", half[n % 8]));
		}
		while (atomic_load(&s->begun) < 12)
			usleep(1000);
		stand_close(s);
		for (unsigned n = 0; n < 24; n++)
			http_close(&c[n]);
	}
}

static void *
release_soon(void *stand)
{
	usleep(20000);
	stand_release(stand);
	return NULL;
}

/* server_destroy() waits for what was handed out; what comes in meanwhile is not run. */
static void
the_end_waits_for_what_was_handed_out(void **state)
{
	struct http_stand *s = stand_new();
	struct http_client c[4];
	pthread_t helper;

	(void)state;
	s->o.threads = 2;
	stand_open(s);
	for (unsigned n = 0; n < 4; n++) {
		assert_true(http_open(&c[n], &s->at));
		get(&c[n], "/hold");
	}
	assert_true(stand_wait_held(s, 4));
	assert_int_equal(pthread_create(&helper, NULL, release_soon, s), 0);
	server_destroy(s->server);
	s->server = NULL;
	pthread_join(helper, NULL);
	for (unsigned n = 0; n < 4; n++)
		http_close(&c[n]);
	assert_int_equal(stand_close(s).done, 4);
}

static void
a_socket_from_somebody_else(void **state)
{
	struct http_stand *s = stand_new(), *other = stand_new();
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&s->o.listen, &address);
	struct http_answer a;

	(void)state;
	s->o.listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s->o.listen_fd, (const struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(s->o.listen_fd, 8), 0);
	stand_open(s);
	assert_int_not_equal(s->at.port, 0);
	a = stand_get(s, "/echo");
	assert_int_equal(a.status, 200);
	http_answer_free(&a);
	stand_close(s);

	/* A server of its own on a port of the kernel's choice, by IPv6. */
	assert_true(endpoint_parse(&other->o.listen, "[::1]:0"));
	stand_open(other);
	a = stand_get(other, "/asked");
	assert_non_null(strstr(a.body, "from=[::1]:"));
	http_answer_free(&a);
	stand_close(other);
}

/* IPv4 comes in by [::], too, and is seen as what it is. */
static void
one_socket_for_both(void **state)
{
	struct http_stand *s = stand_new();
	struct http_answer a;
	struct endpoint v4;

	(void)state;
	assert_true(endpoint_parse(&s->o.listen, "[::]:0"));
	stand_open(s);
	assert_true(endpoint_parse(&v4, "127.0.0.1:0"));
	v4.port = s->at.port;
	s->at = v4;
	a = stand_get(s, "/asked");
	assert_non_null(strstr(a.body, "from=127.0.0.1:"));
	http_answer_free(&a);
	stand_close(s);
}

static void
what_cannot_begin(void **state)
{
	static const struct server_calls calls;
	struct http_stand *s = stand_new(), *wrong = stand_new();
	struct fault why;
	char text[ENDPOINT_TEXT], want[128];
	int ends[2];

	(void)state;
	stand_open(s);
	wrong->o.listen = s->at;
	assert_null(server_create(&wrong->o, &calls, NULL, &why));
	snprintf(
	    want, sizeof(want), "listen %s: Address already in use", endpoint_format(&s->at, text));
	assert_string_equal(why.text, want);

	assert_int_equal(pipe(ends), 0);
	wrong->o.listen_fd = ends[0];
	assert_null(server_create(&wrong->o, &calls, NULL, &why));
	snprintf(want, sizeof(want), "the inherited descriptor %d is no listening socket", ends[0]);
	assert_string_equal(why.text, want);
	close(ends[0]); /* still ours */
	close(ends[1]);

	wrong->o.listen_fd = socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 ? ends[0] : -1;
	assert_null(server_create(&wrong->o, &calls, NULL, &why));
	assert_non_null(strstr(why.text, "is no listening socket"));
	close(ends[0]);
	close(ends[1]);
	free(wrong);
	stand_close(s);
	server_destroy(NULL);
}

/* In a process of its own, since a hard limit cannot be taken back. */
static int
serve_with_few_files(unsigned hard)
{
	const struct rlimit limit = { hard, hard };
	struct http_stand *s = stand_new();
	struct http_client c[64];
	struct server_counts counts;
	unsigned served = 0;

	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -1;
	stand_open(s);
	for (unsigned n = 0; n < hard / 2 + 4; n++) {
		struct http_answer a;

		if (!http_open(&c[n], &s->at))
			break; /* the client has no more descriptors than the server */
		get(&c[n], "/echo");
		served += http_read(&c[n], &a, HTTP_PATIENCE_MS);
	}
	server_counts(s->server, &counts);
	return counts.accepted <= hard / 2 ? (int)served : -1;
}

static void
few_files(void **state)
{
	struct rlimit before, low, now;
	struct http_stand *s = stand_new();
	int status;
	pid_t child;

	(void)state;
	/* A soft limit is raised to what the connections need, … */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = (struct rlimit){ 64, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	stand_open(s);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_true(now.rlim_cur >= 300);
	stand_close(s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

	/* … and under a hard one fewer are let in, but those are served. */
	child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0)
		_exit(serve_with_few_files(40));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_in_range(WEXITSTATUS(status), 5, 20);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_that_come_later),
		cmocka_unit_test(requests_that_are_run_again),
		cmocka_unit_test(who_waits_keeps_nobody_else_waiting),
		cmocka_unit_test(who_went_away_meanwhile),
		cmocka_unit_test(a_crowd_at_once),
		cmocka_unit_test(as_many_at_once_as_the_library_takes),
		cmocka_unit_test(draining),
		cmocka_unit_test(the_end_in_the_middle_of_everything),
		cmocka_unit_test(the_end_waits_for_what_was_handed_out),
		cmocka_unit_test(a_socket_from_somebody_else),
		cmocka_unit_test(one_socket_for_both),
		cmocka_unit_test(what_cannot_begin),
		cmocka_unit_test(few_files),
	};

	return cmocka_run_group_tests_name("server life", tests, NULL, NULL);
}
