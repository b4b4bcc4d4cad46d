/* SPDX-License-Identifier: ISC */
#include "tests/support/http_stand.h"

#include "reliquary-api/http/upload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_TURNS 5000 /* milliseconds */

static _Atomic uint64_t passed_s;

struct instant
stand_clock(void)
{
	struct instant now = clock_now();
	uint64_t s = atomic_load(&passed_s);

	now.mono_ns += s * NS_PER_S;
	now.wall_s += (int64_t)s;
	return now;
}

void
stand_pass(unsigned seconds)
{
	atomic_fetch_add(&passed_s, seconds);
}

static bool
take_any(void *state, const uint8_t *data, size_t len, struct fault *why)
{
	(void)state;
	if (len > 0 && data[0] == 0xee)
		return fault_set(why, "it begins with 0xee");
	return true;
}

static bool
end_any(void *state, struct fault *why)
{
	(void)state;
	(void)why;
	return true;
}

static bool
begin_upload(struct http_stand *s, struct exchange *x)
{
	const struct upload_check check = { .take = take_any, .end = end_any };
	struct random random;

	random_from_system(&random);
	x->rq.upload = upload_begin(s->folder, &check, &random);
	return x->rq.upload != NULL;
}

static bool
begin(struct exchange *x, void *arg)
{
	struct http_stand *s = arg;

	atomic_fetch_add(&s->begun, 1);
	x->body_max = STAND_BODY_MAX;
	if (strcmp(x->rq.path, "/refuse") == 0) {
		x->reply = reply_problem(401, "token", "who are you?");
		return false;
	}
	if (strcmp(x->rq.path, "/upload") == 0)
		return begin_upload(s, x);
	return true;
}

static struct reply
echo(const struct request *rq)
{
	return reply_text(
	    200, "%s %s", method_name(rq->method), rq->body != NULL ? (const char *)rq->body : "");
}

static struct reply
asked(const struct request *rq)
{
	char from[ENDPOINT_TEXT];

	return reply_text(200,
	    "%s %s queries=%zu token=%s key=%s type=%d text=%d length=%lld from=%s",
	    method_name(rq->method), rq->path, rq->query_count, rq->token, rq->repeat_key,
	    (int)rq->type, rq->wants_text, (long long)rq->length, endpoint_format(&rq->from, from));
}

static struct reply
upload(struct request *rq)
{
	enum upload_status status = upload_end(rq->upload);

	if (status != UPLOAD_OK)
		return reply_problem(status == UPLOAD_WRONG ? 400 : 503, "bundle", "%s",
		    upload_fault(rq->upload)->text);
	return reply_text(200, "%llu bytes", (unsigned long long)upload_size(rq->upload));
}

static struct reply
with_method(const struct request *rq)
{
	struct reply r = reply_problem(405, "method", "not so");

	(void)rq;
	strcpy(r.allow, "GET, POST");
	return r;
}

static struct reply
replayed(const struct request *rq)
{
	struct reply r = reply_text(201, "again");

	(void)rq;
	r.replayed = true;
	return r;
}

static struct reply
large(const struct request *rq)
{
	char *text = malloc(LARGE_ANSWER + 1);

	(void)rq;
	if (text == NULL)
		return reply_failed();
	memset(text, 'x', LARGE_ANSWER);
	text[LARGE_ANSWER] = '\0';
	return (struct reply){ .status = 200, .text = text };
}

static struct reply
answer(struct request *rq)
{
	const char *path = rq->path;

	if (strcmp(path, "/asked") == 0)
		return asked(rq);
	if (strcmp(path, "/upload") == 0)
		return upload(rq);
	if (strcmp(path, "/json") == 0)
		return reply_json(200, json_pack("{s:i}", "n", 1));
	if (strcmp(path, "/secret") == 0)
		return reply_secret(201, json_pack("{s:s}", "token", "0123456789"));
	if (strcmp(path, "/empty") == 0)
		return reply_empty();
	if (strcmp(path, "/busy") == 0)
		return reply_busy(7);
	if (strcmp(path, "/method") == 0)
		return with_method(rq);
	if (strcmp(path, "/replayed") == 0)
		return replayed(rq);
	if (strcmp(path, "/page") == 0)
		return reply_fixed("text/html", "<p>", 3);
	if (strcmp(path, "/large") == 0)
		return large(rq);
	if (strcmp(path, "/nothing") == 0)
		return (struct reply){ 0 };
	return echo(rq);
}

static void
hold(struct http_stand *s, struct exchange *x)
{
	pthread_mutex_lock(&s->lock);
	s->held[s->held_count++] = x;
	pthread_mutex_unlock(&s->lock);
}

static void
give_to_resumer(struct http_stand *s, struct exchange *x)
{
	pthread_mutex_lock(&s->lock);
	s->queue[s->queue_count++] = x;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
}

/* How often run() was called for it. */
static uintptr_t
asked_before(struct exchange *x)
{
	uintptr_t ret = (uintptr_t)x->state;

	x->state = (void *)(ret + 1);
	return ret;
}

static enum server_next
run(struct exchange *x, void *arg)
{
	struct http_stand *s = arg;

	atomic_fetch_add(&s->run, 1);
	if (strcmp(x->rq.path, "/hold") == 0) {
		hold(s, x);
		return SERVER_LATER;
	}
	if (strcmp(x->rq.path, "/later") == 0) {
		give_to_resumer(s, x);
		return SERVER_LATER;
	}
	if (strcmp(x->rq.path, "/again") == 0 && asked_before(x) < AGAIN) {
		give_to_resumer(s, x);
		return SERVER_LATER;
	}
	x->reply = answer(&x->rq);
	return SERVER_REPLY;
}

static void
done(struct exchange *x, uint64_t now_ns, void *arg)
{
	struct http_stand *s = arg;

	(void)x;
	(void)now_ns;
	atomic_fetch_add(&s->done, 1);
}

static const struct server_calls calls = { begin, run, done };

static void
resume(struct exchange *x)
{
	if (strcmp(x->rq.path, "/again") == 0) {
		server_run_again(x);
		return;
	}
	x->reply = echo(&x->rq);
	server_resume(x);
}

/* Takes one of the queue; NULL when there will be no more. */
static struct exchange *
next_queued(struct http_stand *s)
{
	struct exchange *x = NULL;

	pthread_mutex_lock(&s->lock);
	while (s->queue_count == 0 && !s->ending)
		pthread_cond_wait(&s->more, &s->lock);
	if (s->queue_count > 0)
		x = s->queue[--s->queue_count];
	pthread_mutex_unlock(&s->lock);
	return x;
}

static void *
run_resumer(void *arg)
{
	struct http_stand *s = arg;
	struct exchange *x;

	while ((x = next_queued(s)) != NULL)
		resume(x);
	return NULL;
}

struct http_stand *
stand_new(void)
{
	struct http_stand *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->o = (struct server_options){ .listen_fd = -1,
		.threads = 1,
		.connections_max = 300,
		.idle_s = 3600,
		.body_s = 3600,
		.header_max = 4096,
		.clock = stand_clock };
	assert_true(endpoint_parse(&s->o.listen, "127.0.0.1:0"));
	return s;
}

void
stand_open(struct http_stand *s)
{
	struct fault why = { "" };

	assert_int_equal(pthread_mutex_init(&s->lock, NULL), 0);
	assert_int_equal(pthread_cond_init(&s->more, NULL), 0);
	assert_int_equal(pthread_create(&s->resumer, NULL, run_resumer, s), 0);
	s->server = server_create(&s->o, &calls, s, &why);
	if (s->server == NULL)
		fail_msg("%s", why.text);
	s->at = server_where(s->server);
}

struct stand_tally
stand_close(struct http_stand *s)
{
	struct stand_tally tally;

	stand_release(s);
	server_destroy(s->server);
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->resumer, NULL);
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->lock);
	tally = (struct stand_tally){ s->begun, s->run, s->done };
	free(s);
	assert_int_equal(tally.begun, tally.done);
	return tally;
}

bool
stand_wait_held(struct http_stand *s, unsigned count)
{
	for (int n = 0; n < PATIENCE_TURNS; n++) {
		bool there;

		pthread_mutex_lock(&s->lock);
		there = s->held_count == count;
		pthread_mutex_unlock(&s->lock);
		if (there)
			return true;
		usleep(1000);
	}
	return false;
}

void
stand_release(struct http_stand *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->held_count > 0)
		resume(s->held[--s->held_count]);
	pthread_mutex_unlock(&s->lock);
}

bool
stand_quiet(struct http_stand *s)
{
	for (int n = 0; n < PATIENCE_TURNS; n++) {
		if (atomic_load(&s->begun) == atomic_load(&s->done))
			return true;
		usleep(1000);
	}
	return false;
}

bool
stand_wait_connections(struct http_stand *s, unsigned count)
{
	struct server_counts counts;

	for (int n = 0; n < PATIENCE_TURNS; n++) {
		server_counts(s->server, &counts);
		if (counts.connections == count)
			return true;
		usleep(1000);
	}
	return false;
}

struct http_answer
stand_get(const struct http_stand *s, const char *path)
{
	return http_ask(&s->at, &(struct http_request){ .method = "GET", .path = path });
}
