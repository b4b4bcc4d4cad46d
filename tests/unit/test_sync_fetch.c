/* SPDX-License-Identifier: ISC */
/* Requests to a service that is away, or that is heard no more. */
#include "tools/cathedral-sync/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define FDS    64
#define TRIES  500
#define TRY_MS 10

static char header[] = "x-token: 0123";

struct stand {
	struct credentials credentials;
	struct fetch_hub *hub;
	struct fetch *fetch;
	int listener;
	struct sockaddr_in at;
	char url[64];
};

static void
stand_open(struct stand *s)
{
	socklen_t len = sizeof(s->at);
	struct fault why;

	*s = (struct stand){ .credentials.header = header, .at.sin_family = AF_INET };
	s->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&s->at, sizeof(s->at)), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&s->at, &len), 0);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/", ntohs(s->at.sin_port));
	s->hub = fetch_hub_create(&s->credentials, "", &why);
	assert_non_null(s->hub);
	s->fetch = fetch_create(s->hub);
	assert_non_null(s->fetch);
}

static void
stand_close(struct stand *s)
{
	fetch_destroy(s->fetch);
	fetch_hub_destroy(s->hub);
	close(s->listener);
}

static void
ask(struct stand *s)
{
	struct fetch_request rq = { .url = s->url, .quiet_s = 5, .whole_s = 5, .most = 1000 };
	struct fault why;

	assert_true(fetch_begin(s->fetch, &rq, &why));
}

/* Until it is over. */
static void
take(struct stand *s, struct fetch_answer *ret)
{
	bool over = false;

	for (int i = 0; i < TRIES && !over; i++) {
		fetch_hub_wait(s->hub, NULL, 0, TRY_MS);
		over = fetch_take(s->fetch, ret);
	}
	assert_true(over);
}

static void
nobody_is_there(void **state)
{
	struct fetch_answer a;
	struct stand s;

	(void)state;
	stand_open(&s); /* and does not listen */
	ask(&s);
	take(&s, &a);
	assert_int_equal(a.status, 0);
	assert_non_null(strstr(a.why.text, "Couldn't connect"));
	assert_true(fetch_is_away(&a));
	stand_close(&s);
}

/* The end of the connection to the stand that is libcurl's. */
static int
find_connection(const struct stand *s)
{
	for (int fd = 0; fd < FDS; fd++) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && len == sizeof(peer) &&
		    peer.sin_family == AF_INET && peer.sin_port == s->at.sin_port)
			return fd;
	}
	return -1;
}

/* A line that swallows everything cannot be had here; that the kernel is told of it can be seen. */
static void
silence_is_not_borne_for_long(void **state)
{
	int value = 0, fd = -1;
	socklen_t len = sizeof(value);
	struct stand s;

	(void)state;
	stand_open(&s);
	assert_int_equal(listen(s.listener, 1), 0);
	ask(&s);
	for (int i = 0; i < TRIES && fd == -1; i++) {
		fetch_hub_wait(s.hub, NULL, 0, TRY_MS);
		fd = find_connection(&s);
	}
	assert_int_not_equal(fd, -1);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &len), 0);
	assert_int_equal(value, 20000);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len), 0);
	assert_true(value);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &len), 0);
	assert_in_range(value, 1, 19);
	stand_close(&s);
}

static void
who_is_away_and_who_answers(void **state)
{
	static const struct {
		unsigned status;
		size_t len;
		bool away;
	} cases[] = {
		{ 0, 0, true },
		{ 0, 1, false }, /* something came, if not all of it */
		{ 200, 100, false },
		{ 401, 100, false },
		{ 500, 100, false },
		{ 502, 100, true },
		{ 503, 100, false }, /* that is the service, which has enough to do */
		{ 504, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fetch_answer a = { .status = cases[i].status, .len = cases[i].len };

		if (fetch_is_away(&a) != cases[i].away)
			fail_msg("%u, %zu bytes", cases[i].status, cases[i].len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(silence_is_not_borne_for_long),
		cmocka_unit_test(who_is_away_and_who_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
