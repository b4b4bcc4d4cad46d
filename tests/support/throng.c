/* SPDX-License-Identifier: ISC */
#include "tests/support/throng.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct client {
	const struct test_api *t;
	pthread_t thread;
	pthread_barrier_t *start;
	unsigned n;
	bool connected;
	void (*act)(void *arg, struct http_client *c, unsigned n);
	void *arg;
};

/* So that no client's first request has the way through the door before it, too. */
static bool
greet(struct http_client *c, const struct test_api *t)
{
	const struct ask a = { .method = "GET", .path = "/" };
	struct got got = { 0 };
	bool ok;

	if (!http_open(c, &t->at))
		return false;
	ok = ask_on(c, &a, &got) && got.status == 404;
	got_free(got);
	return ok;
}

static void *
client_run(void *arg)
{
	struct client *k = arg;
	struct http_client c;

	k->connected = greet(&c, k->t);
	if (!k->connected)
		http_close(&c);
	pthread_barrier_wait(k->start);
	k->act(k->arg, &c, k->n);
	http_close(&c);
	return NULL;
}

bool
throng(const struct test_api *t, unsigned clients,
    void (*act)(void *arg, struct http_client *c, unsigned n), void *arg)
{
	struct client *all = calloc(clients, sizeof(*all));
	pthread_barrier_t start;
	bool connected = true;

	assert_non_null(all);
	pthread_barrier_init(&start, NULL, clients);
	for (unsigned n = 0; n < clients; n++) {
		all[n] = (struct client){ .t = t, .start = &start, .n = n, .act = act, .arg = arg };
		/* Without all of them the others would wait for ever. */
		if (pthread_create(&all[n].thread, NULL, client_run, &all[n]) != 0)
			abort();
	}
	for (unsigned n = 0; n < clients; n++) {
		pthread_join(all[n].thread, NULL);
		connected = connected && all[n].connected;
	}
	pthread_barrier_destroy(&start);
	free(all);
	return connected;
}

struct batch {
	struct deed *deeds;
	size_t count;
	unsigned clients;
};

static void
do_own(void *arg, struct http_client *c, unsigned n)
{
	const struct batch *b = arg;

	for (size_t i = n; i < b->count && c->fd != -1; i += b->clients) {
		struct deed *d = &b->deeds[i];
		const struct ask a = { .method = d->method,
			.path = d->path,
			.token = d->token,
			.json = d->json[0] != '\0' ? d->json : NULL,
			.body = d->body,
			.body_len = d->body_len,
			.repeat = d->repeat };

		if (!ask_on(c, &a, &d->got))
			d->got.status = 0;
	}
}

void
deeds_do(const struct test_api *t, struct deed *deeds, size_t count, unsigned clients)
{
	struct batch b = { deeds, count, clients };

	assert_true(throng(t, clients, do_own, &b));
}

void
deeds_free(struct deed *deeds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		got_free(deeds[i].got);
	free(deeds);
}

size_t
deeds_with(const struct deed *deeds, size_t count, unsigned status)
{
	size_t with = 0;

	for (size_t i = 0; i < count; i++)
		with += deeds[i].got.status == status;
	return with;
}

void
deeds_have(const struct deed *deeds, size_t count, const unsigned statuses[static 3])
{
	for (size_t i = 0; i < count; i++) {
		unsigned is = deeds[i].got.status;

		if (is != 0 && (is == statuses[0] || is == statuses[1] || is == statuses[2]))
			continue;
		fail_msg("%s %s: %u %s", deeds[i].method, deeds[i].path, is,
		    deeds[i].got.body != NULL ? deeds[i].got.body : "(nothing)");
	}
}

struct deed *
deeds_make(size_t count)
{
	struct deed *deeds = calloc(count, sizeof(*deeds));

	assert_non_null(deeds);
	return deeds;
}
