/* SPDX-License-Identifier: ISC */
#include "base/file.h"
#include "tests/support/http_stand.h"
#include "tests/support/scratch.h"
#include "tests/support/tls_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define YEAR_S (INT64_C(365) * 86400)

#define REQUEST "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"

static struct scratch folder;

static const char *
path(struct scratch_name *room, const char *name)
{
	*room = scratch_name(&folder, name);
	return room->path;
}

static void
write_pair(const char *name)
{
	struct scratch_name cert, key;

	tls_pair_write(path(&cert, "cert.pem"), path(&key, "key.pem"), name, YEAR_S);
}

static void
put_path(char to[256], const char *name)
{
	struct scratch_name room;

	assert_true(strlen(path(&room, name)) < 256);
	strcpy(to, room.path);
}

static struct http_stand *
secure_stand(void)
{
	struct http_stand *s = stand_new();

	put_path(s->o.tls_cert, "cert.pem");
	put_path(s->o.tls_key, "key.pem");
	return s;
}

static void
expect_answer(struct tls_client *c, const char *request)
{
	char answer[1000];

	assert_true(tls_client_ask(c, request, answer, sizeof(answer)));
	assert_ptr_equal(strstr(answer, "HTTP/1.1 200 "), answer);
}

static void
requests_by_tls(void **state)
{
	static const struct {
		const char *priorities;
		bool served;
	} versions[] = {
		{ "NORMAL", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.3", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.0:%COMPAT", false },
	};
	struct http_stand *s;

	(void)state;
	write_pair("first");
	s = secure_stand();
	stand_open(s);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct tls_client *c = tls_client_open(&s->at, versions[i].priorities);

		if ((c != NULL) != versions[i].served)
			fail_msg("%s: %s", versions[i].priorities, c ? "served" : "not served");
		if (c != NULL) {
			assert_string_equal(tls_client_peer(c), "first");
			for (int n = 0; n < 3; n++)
				expect_answer(c, REQUEST);
			expect_answer(c, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
			expect_answer(
			    c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
		}
		tls_client_close(c);
	}
	stand_close(s);
}

/* What is encrypted with the key of the certificate itself, its thief can read years later. */
static void
no_secrets_under_the_key_itself(void **state)
{
	struct scratch_name cert, key;
	struct tls_client *c;
	struct http_stand *s;

	(void)state;
	tls_pair_write_rsa(path(&cert, "cert.pem"), path(&key, "key.pem"), "rsa");
	s = secure_stand();
	stand_open(s);
	assert_null(tls_client_open(&s->at, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA"));
	c = tls_client_open(&s->at, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA");
	assert_non_null(c);
	expect_answer(c, REQUEST);
	tls_client_close(c);
	stand_close(s);
}

/* Who does not speak TLS gets nothing, and costs nothing. */
static void
plain_bytes_to_a_tls_port(void **state)
{
	struct http_stand *s;
	struct http_client c;
	struct http_answer a;

	(void)state;
	write_pair("first");
	s = secure_stand();
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	assert_true(http_print(&c, REQUEST));
	assert_false(http_read(&c, &a, HTTP_PATIENCE_MS));
	http_answer_free(&a);
	http_close(&c);
	assert_true(stand_wait_connections(s, 0));
	assert_int_equal(stand_close(s).begun, 0);
}

/* A handshake that is begun and left alone is no better than a silent connection. */
static void
half_a_handshake_ends_in_time(void **state)
{
	struct http_stand *s;
	struct http_client c;

	(void)state;
	write_pair("first");
	s = secure_stand();
	stand_open(s);
	assert_true(http_open(&c, &s->at));
	assert_true(http_send(&c, "\x16\x03\x01\x02", 4));
	assert_true(stand_wait_connections(s, 1));
	stand_pass(3601);
	assert_true(http_ended(&c, HTTP_PATIENCE_MS));
	http_close(&c);
	stand_close(s);
}

static void
another_pair_for_who_comes_later(void **state)
{
	struct http_stand *s;
	struct tls_client *before, *after;
	struct scratch_name room;
	struct fault why;

	(void)state;
	write_pair("first");
	s = secure_stand();
	stand_open(s);
	before = tls_client_open(&s->at, NULL);
	assert_non_null(before);
	for (int n = 0; n < 5; n++) {
		write_pair("second");
		assert_true(server_reload_tls(s->server, &why));
	}
	after = tls_client_open(&s->at, NULL);
	assert_non_null(after);
	assert_string_equal(tls_client_peer(before), "first");
	assert_string_equal(tls_client_peer(after), "second");
	expect_answer(before, REQUEST);
	expect_answer(after, REQUEST);
	tls_client_close(before);
	tls_client_close(after);

	/* Half a change: the certificate is new, the key is not.  Nothing changes. */
	tls_pair_write(
	    path(&room, "cert.pem"), scratch_name(&folder, "other.pem").path, "third", YEAR_S);
	assert_false(server_reload_tls(s->server, &why));
	assert_non_null(strstr(why.text, "key.pem: the key is not that of the certificate in "));
	after = tls_client_open(&s->at, NULL);
	assert_non_null(after);
	assert_string_equal(tls_client_peer(after), "second");
	tls_client_close(after);
	stand_close(s);
}

static void
a_server_without_tls_has_nothing_to_reload(void **state)
{
	struct http_stand *s = stand_new();
	struct fault why;

	(void)state;
	stand_open(s);
	assert_true(server_reload_tls(s->server, &why));
	stand_close(s);
}

static void
expect_refusal(const char *sentence)
{
	static const struct server_calls calls;
	struct http_stand *s = secure_stand();
	struct fault why = { "" };

	assert_null(server_create(&s->o, &calls, NULL, &why));
	if (strstr(why.text, sentence) == NULL)
		fail_msg("\"%s\", not \"%s\"", why.text, sentence);
	free(s);
}

static void
files_that_are_no_pair(void **state)
{
	struct scratch_name cert, key;

	(void)state;
	path(&cert, "cert.pem");
	path(&key, "key.pem");
	write_pair("first");
	unlink(key.path);
	expect_refusal("key.pem: No such file or directory");
	scratch_write(&folder, "key.pem", "hello\n");
	expect_refusal("key.pem: ");
	write_pair("first");
	unlink(cert.path);
	expect_refusal("cert.pem: No such file or directory");
	scratch_write(&folder, "cert.pem", "hello\n");
	expect_refusal("cert.pem: ");
	scratch_write(&folder, "cert.pem", "");
	expect_refusal("cert.pem: ");
	write_pair("first");
	tls_pair_write(scratch_name(&folder, "other.pem").path, key.path, "other", YEAR_S);
	expect_refusal("key.pem: the key is not that of the certificate in ");
}

/* What one reads on standard error while work is done. */
static void
read_log(void (*work)(void), char *text, size_t size)
{
	int before = dup(STDERR_FILENO), ends[2];
	ssize_t len;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	work();
	dup2(before, STDERR_FILENO);
	close(before);
	close(ends[1]);
	len = read(ends[0], text, size - 1);
	close(ends[0]);
	text[len > 0 ? len : 0] = '\0';
}

static void
open_and_close(void)
{
	struct http_stand *s = secure_stand();

	stand_open(s);
	stand_close(s);
}

/* People should know, but a service that others could still use is not refused for it. */
static void
an_expired_certificate_is_said(void **state)
{
	struct scratch_name cert, key;
	char text[1000];

	(void)state;
	tls_pair_write(path(&cert, "cert.pem"), path(&key, "key.pem"), "old", -3600);
	read_log(open_and_close, text, sizeof(text));
	assert_non_null(
	    strstr(text, "cert.pem: the certificate has expired: clients will refuse it"));
	write_pair("new");
	read_log(open_and_close, text, sizeof(text));
	assert_null(strstr(text, "expired"));
}

/* Handshakes while pairs change. */
static void *
reload_all_the_time(void *stand)
{
	struct http_stand *s = stand;
	struct fault why;

	for (int n = 0; n < 50; n++)
		server_reload_tls(s->server, &why);
	return NULL;
}

static void
reloads_among_handshakes(void **state)
{
	struct http_stand *s;
	pthread_t reloader;

	(void)state;
	write_pair("first");
	s = secure_stand();
	s->o.threads = 2;
	stand_open(s);
	assert_int_equal(pthread_create(&reloader, NULL, reload_all_the_time, s), 0);
	for (int n = 0; n < 20; n++) {
		struct tls_client *c = tls_client_open(&s->at, NULL);

		assert_non_null(c);
		expect_answer(c, REQUEST);
		tls_client_close(c);
	}
	pthread_join(reloader, NULL);
	stand_close(s);
}

static int
make_folder(void **state)
{
	(void)state;
	folder = scratch_make();
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	scratch_remove(&folder);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_by_tls),
		cmocka_unit_test(no_secrets_under_the_key_itself),
		cmocka_unit_test(plain_bytes_to_a_tls_port),
		cmocka_unit_test(half_a_handshake_ends_in_time),
		cmocka_unit_test(another_pair_for_who_comes_later),
		cmocka_unit_test(a_server_without_tls_has_nothing_to_reload),
		cmocka_unit_test(files_that_are_no_pair),
		cmocka_unit_test(an_expired_certificate_is_said),
		cmocka_unit_test(reloads_among_handshakes),
	};

	return cmocka_run_group_tests_name("server tls", tests, make_folder, remove_folder);
}
