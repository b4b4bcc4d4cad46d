/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/serving.h"

#include "reliquary-api/http/answer.h"
#include "reliquary-api/http/head.h"
#include "reliquary-api/http/lines.h"
#include "reliquary-api/http/upload.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * A body that nobody wants is read up to here, so that its connection can be used again; of a
 * longer one nothing is, and its connection ends with the answer.
 */
#define UNWANTED_MOST 65536

enum phase {
	PHASE_HEAD = 0,
	PHASE_BODY,     /* it is wanted */
	PHASE_UNWANTED, /* the reply is there already */
	PHASE_LATER,    /* somebody else makes the reply */
};

/* Who comes second, the one that suspends the connection or the one that resumes it, wakes it. */
enum later { LATER_RUNNING = 0, LATER_SUSPENDED, LATER_READY, LATER_AGAIN };

struct visit {
	struct exchange x; /* first: server_resume() gets no more than this */
	struct serving *serving;
	struct MHD_Connection *from;
	struct connection *connection;
	struct lines lines;
	enum phase phase;
	bool begun;
	bool chunked; /* the connection's last, whatever the library takes for the body's end */
	_Atomic int later;
	uint64_t body_begun_ns;
	size_t body_room;
	struct answer answer;
};

static bool
later_is(struct visit *v, enum later what)
{
	return atomic_load_explicit(&v->later, memory_order_acquire) == (int)what;
}

/* Moves on what is waited for. */
static void
wait_for(struct visit *v, enum wait wait, uint64_t ns)
{
	connection_wait(v->connection, wait, v->serving->clock().mono_ns + ns);
}

void *
serving_line(void *serving, const char *target, struct MHD_Connection *from)
{
	struct serving *s = serving;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(from, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct visit *v;

	if (info == NULL || info->socket_context == NULL)
		return NULL;
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return NULL;
	v->serving = s;
	v->from = from;
	v->connection = info->socket_context;
	lines_target(&v->lines, target);
	request_target_read(&v->x.rq, target);
	return v;
}

static void
reply_instead(struct visit *v, struct reply r)
{
	reply_free(&v->x.reply);
	v->x.reply = r;
	v->phase = PHASE_UNWANTED;
}

/* In proportion to what is to be sent: who takes it more slowly than one may send, is too slow. */
static uint64_t
time_for(const struct serving *s, uint64_t bytes)
{
	if (s->body_rate == 0)
		return 0;
	return bytes / s->body_rate * NS_PER_S + bytes % s->body_rate * NS_PER_S / s->body_rate;
}

static enum MHD_Result
answer(struct visit *v, bool close)
{
	struct serving *s = v->serving;

	if (v->x.reply.status == 0)
		v->x.reply = reply_failed();
	close = close || v->chunked || atomic_load_explicit(&s->draining, memory_order_relaxed);
	if (!answer_queue(&v->answer, v->from, &v->x.reply, close))
		return MHD_NO;
	if (v->x.rq.method != METHOD_HEAD)
		v->x.bytes_out = v->answer.len;
	wait_for(v, WAIT_ANSWER, s->body_ns + time_for(s, v->x.bytes_out));
	return MHD_YES;
}

/* What is left unread must not be taken for another request. */
static enum MHD_Result
answer_and_close(struct visit *v)
{
	v->connection->unread = true;
	return answer(v, true);
}

/* What is asked of each field, on its way from the library. */
struct reading {
	struct head *head;
	struct lines *lines;
};

static enum MHD_Result
read_one_field(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct reading *r = arg;

	(void)kind;
	if (value == NULL)
		value = "";
	lines_field(r->lines, name, value);
	head_field(r->head, name, value);
	return MHD_YES;
}

/* False with the reply. */
static bool
read_head(struct visit *v, struct head *h, const char *method, const char *version)
{
	struct reading r = { h, &v->lines };
	size_t size =
	    MHD_get_connection_info(v->from, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;

	head_begin(h, &v->x.rq, &v->serving->proxies);
	lines_begin(&v->lines, method, version);
	MHD_get_connection_values(v->from, MHD_HEADER_KIND, read_one_field, &r);
	if (!head_end(h, version, &v->connection->peer))
		reply_instead(v, reply_problem(400, "malformed", "%s", h->wrong));
	else if (!lines_end(&v->lines, method + size))
		reply_instead(v, reply_problem(400, "malformed",
				     "a line of the head goes on in the next one, ends without CR "
				     "LF, or holds a NUL or a blank too many"));
	else if (size > v->serving->header_max)
		reply_instead(v, reply_problem(431, "too-large",
				     "the head of the request is longer than %zu bytes",
				     v->serving->header_max));
	else
		return true;
	return false;
}

/* Room for all of it at once: a body that grew would leave copies of itself behind. */
static void
check_size(struct visit *v)
{
	struct request *rq = &v->x.rq;

	if (rq->upload != NULL)
		return;
	v->body_room = rq->length >= 0 ? (size_t)rq->length : v->x.body_max;
	if (rq->length > 0 && (uint64_t)rq->length > v->x.body_max)
		reply_instead(v, reply_problem(413, "too-large",
				     "the body is longer than %zu bytes", v->x.body_max));
}

/*
 * A refusal goes out before its body where that saves bytes: the client waits for a word from us
 * before it sends, or has much to send.
 */
static bool
refused_at_once(const struct visit *v, const struct head *h)
{
	return head_has_body(h) && (h->expects_continue || v->x.rq.length > UNWANTED_MOST);
}

static enum MHD_Result
take_head(struct visit *v, const char *method, const char *version)
{
	struct serving *s = v->serving;
	struct head h;

	v->x.begun_ns = s->clock().mono_ns;
	v->body_begun_ns = v->x.begun_ns;
	v->x.rq.method = method_parse(method);
	if (!read_head(v, &h, method, version)) {
		atomic_fetch_add_explicit(&s->malformed, 1, memory_order_relaxed);
		return answer_and_close(v);
	}

	v->phase = PHASE_BODY;
	v->begun = true;
	v->chunked = h.chunked;
	if (!s->calls->begin(&v->x, s->arg))
		v->phase = PHASE_UNWANTED;
	else
		check_size(v);
	if (v->phase == PHASE_UNWANTED && refused_at_once(v, &h))
		return answer_and_close(v);
	wait_for(v, WAIT_BODY, s->body_ns);
	return MHD_YES;
}

/* The next piece is due soon, and all of them together must keep a pace. */
static void
wait_for_more(struct visit *v)
{
	const struct serving *s = v->serving;
	uint64_t pace_ns = time_for(s, v->x.bytes_in);
	uint64_t due_ns = s->clock().mono_ns + s->body_ns;

	if (pace_ns < s->body_ns)
		pace_ns = s->body_ns;
	if (s->body_rate > 0 && v->body_begun_ns + pace_ns < due_ns)
		due_ns = v->body_begun_ns + pace_ns;
	connection_wait(v->connection, WAIT_BODY, due_ns);
}

static void
take_into_memory(struct visit *v, const char *data, size_t len)
{
	struct request *rq = &v->x.rq;

	if (len > v->body_room - rq->body_len) {
		reply_instead(v, reply_problem(413, "too-large",
				     "the body is longer than %zu bytes", v->body_room));
		return;
	}
	if (rq->body == NULL)
		rq->body = malloc(v->body_room + 1);
	if (rq->body == NULL) {
		reply_instead(v, reply_busy(1));
		return;
	}
	memcpy(rq->body + rq->body_len, data, len);
	rq->body_len += len;
	rq->body[rq->body_len] = '\0';
}

static void
take_into_file(struct visit *v, const char *data, size_t len)
{
	struct request *rq = &v->x.rq;

	if (upload_take(rq->upload, (const uint8_t *)data, len) != UPLOAD_FAILED)
		return; /* what is wrong with it is said at its end */
	upload_free(rq->upload);
	rq->upload = NULL;
	reply_instead(
	    v, reply_problem(503, "no-space", "the upload could not be written, try again later"));
	v->x.reply.retry_after_s = 60;
}

/* Chunks of which there is no end: the connection goes, and nobody waits for more of them. */
static enum MHD_Result
give_up(struct visit *v)
{
	atomic_store_explicit(&v->connection->late, true, memory_order_relaxed);
	return MHD_NO;
}

static enum MHD_Result
take_piece(struct visit *v, const char *data, size_t len)
{
	v->x.bytes_in += len;
	if (v->phase == PHASE_BODY && v->x.rq.upload != NULL)
		take_into_file(v, data, len);
	else if (v->phase == PHASE_BODY)
		take_into_memory(v, data, len);
	else if (v->chunked && v->x.bytes_in > v->body_room + UNWANTED_MOST)
		return give_up(v);
	wait_for_more(v);
	return MHD_YES;
}

/* Counted up before the flag is read, as serving_end() sets the flag before it reads the count. */
static bool
run_begins(struct serving *s)
{
	atomic_fetch_add(&s->running, 1);
	if (!atomic_load(&s->ending))
		return true;
	atomic_fetch_sub(&s->running, 1);
	return false;
}

/* Is the reply there? */
static bool
run_once(struct visit *v)
{
	struct serving *s = v->serving;
	enum server_next next;

	do {
		atomic_store_explicit(&v->later, LATER_RUNNING, memory_order_relaxed);
		next = s->calls->run(&v->x, s->arg);
	} while (next == SERVER_LATER && later_is(v, LATER_AGAIN));
	return next == SERVER_REPLY || later_is(v, LATER_READY);
}

static enum MHD_Result
run(struct visit *v)
{
	struct serving *s = v->serving;
	int running = LATER_RUNNING;

	connection_wait(v->connection, WAIT_US, UINT64_MAX);
	if (!run_begins(s))
		return MHD_NO;
	v->phase = PHASE_LATER;
	if (run_once(v)) {
		atomic_fetch_sub(&s->running, 1);
		return answer(v, false);
	}
	MHD_suspend_connection(v->from);
	if (atomic_compare_exchange_strong(&v->later, &running, LATER_SUSPENDED))
		return MHD_YES; /* from here on v is no longer ours */
	MHD_resume_connection(v->from);
	atomic_fetch_sub(&s->running, 1);
	return MHD_YES;
}

static void
go_on(struct exchange *x, enum later how)
{
	struct visit *v = (struct visit *)x;
	struct serving *s = v->serving;
	struct MHD_Connection *from = v->from;

	/* Unless it sleeps already, its own thread goes on with it at once, and may free it. */
	if (atomic_exchange(&v->later, (int)how) != LATER_SUSPENDED)
		return;
	MHD_resume_connection(from);
	atomic_fetch_sub(&s->running, 1);
}

void
server_resume(struct exchange *x)
{
	go_on(x, LATER_READY);
}

void
server_run_again(struct exchange *x)
{
	go_on(x, LATER_AGAIN);
}

/* There was no memory for a visit: an answer that takes none of ours, and the connection's last. */
static enum MHD_Result
answer_without_visit(struct MHD_Connection *from)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(from, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct reply busy = reply_busy(1);
	struct answer a = { 0 };

	if (info == NULL || info->socket_context == NULL)
		return MHD_NO;
	((struct connection *)info->socket_context)->unread = true;
	return answer_queue(&a, from, &busy, true) ? MHD_YES : MHD_NO;
}

enum MHD_Result
serving_step(void *serving, struct MHD_Connection *from, const char *url, const char *method,
    const char *version, const char *data, size_t *len, void **visit)
{
	struct visit *v = *visit;
	size_t given = *len;

	(void)serving;
	(void)from;
	(void)url;
	if (v == NULL)
		return answer_without_visit(from);
	if (v->phase == PHASE_HEAD)
		return take_head(v, method, version);
	if (given > 0) {
		*len = 0;
		return take_piece(v, data, given);
	}
	if (v->phase == PHASE_BODY || (v->phase == PHASE_LATER && later_is(v, LATER_AGAIN)))
		return run(v);
	return answer(v, false);
}

static bool
was_late(const struct visit *v)
{
	return atomic_load_explicit(&v->connection->late, memory_order_relaxed);
}

void
serving_over(
    void *serving, struct MHD_Connection *from, void **visit, enum MHD_RequestTerminationCode how)
{
	struct serving *s = serving;
	struct visit *v = *visit;
	uint64_t now_ns = s->clock().mono_ns;

	(void)from;
	if (v == NULL)
		return;
	*visit = NULL;
	if (v->begun && how != MHD_REQUEST_TERMINATED_COMPLETED_OK && !was_late(v))
		atomic_fetch_add_explicit(&s->aborted, 1, memory_order_relaxed);
	if (v->begun)
		s->calls->done(&v->x, now_ns, s->arg);
	connection_wait(v->connection, WAIT_HEAD, now_ns + s->idle_ns);
	answer_free(&v->answer);
	request_free(&v->x.rq);
	reply_free(&v->x.reply);
	free(v);
}

void
serving_end(struct serving *s)
{
	static const struct timespec step = { .tv_nsec = NS_PER_MS };

	atomic_store(&s->ending, true);
	while (atomic_load(&s->running) > 0)
		nanosleep(&step, NULL);
}
