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

/* One request on its way through the library. */
struct passage {
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
later_is(struct passage *p, enum later what)
{
	return atomic_load_explicit(&p->later, memory_order_acquire) == (int)what;
}

/* Moves on what is waited for. */
static void
wait_for(struct passage *p, enum wait wait, uint64_t ns)
{
	connection_wait(p->connection, wait, p->serving->clock().mono_ns + ns);
}

/*
 * The library would note every part of the query in the connection's memory, and where that is too
 * small forget that it has answered so, and wait for ever.  What it hands over is memory of its own
 * that is not const, whatever the callback's type says.
 */
static void
hide_query(const char *target)
{
	char *mark = strchr((char *)(uintptr_t)target, '?');

	if (mark != NULL && mark[1] != '\0')
		mark[1] = '\0';
}

void *
serving_line(void *serving, const char *target, struct MHD_Connection *from)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(from, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct passage *p = NULL;

	if (info != NULL && info->socket_context != NULL)
		p = calloc(1, sizeof(*p));
	if (p != NULL) {
		p->serving = serving;
		p->from = from;
		p->connection = info->socket_context;
		lines_target(&p->lines, target);
		request_target_read(&p->x.rq, target);
	}
	hide_query(target);
	return p;
}

static void
reply_instead(struct passage *p, struct reply r)
{
	reply_free(&p->x.reply);
	p->x.reply = r;
	p->phase = PHASE_UNWANTED;
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
answer(struct passage *p, bool close)
{
	struct serving *s = p->serving;

	if (p->x.reply.status == 0)
		p->x.reply = reply_failed();
	close = close || p->chunked || atomic_load_explicit(&s->draining, memory_order_relaxed);
	if (!answer_queue(&p->answer, p->from, &p->x.reply, close))
		return MHD_NO;
	if (p->x.rq.method != METHOD_HEAD)
		p->x.bytes_out = p->answer.len;
	wait_for(p, WAIT_ANSWER, s->body_ns + time_for(s, p->x.bytes_out));
	return MHD_YES;
}

/* What is left unread must not be taken for another request. */
static enum MHD_Result
answer_and_close(struct passage *p)
{
	p->connection->unread = true;
	return answer(p, true);
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
read_head(struct passage *p, struct head *h, const char *method, const char *version)
{
	struct reading r = { h, &p->lines };
	size_t size =
	    MHD_get_connection_info(p->from, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;

	head_begin(h, &p->x.rq, &p->serving->proxies);
	lines_begin(&p->lines, method, version);
	MHD_get_connection_values(p->from, MHD_HEADER_KIND, read_one_field, &r);
	if (!head_end(h, version, &p->connection->peer))
		reply_instead(p, reply_problem(400, "malformed", "%s", h->wrong));
	else if (!lines_end(&p->lines, method + size))
		reply_instead(p, reply_problem(400, "malformed",
				     "a line of the head goes on in the next one, ends without CR "
				     "LF, or holds a NUL or a blank too many"));
	else if (size > p->serving->header_max)
		reply_instead(p, reply_problem(431, "too-large",
				     "the head of the request is longer than %zu bytes",
				     p->serving->header_max));
	else
		return true;
	return false;
}

/* Room for all of it at once: a body that grew would leave copies of itself behind. */
static void
check_size(struct passage *p)
{
	struct request *rq = &p->x.rq;

	if (rq->upload != NULL)
		return;
	p->body_room = rq->length >= 0 ? (size_t)rq->length : p->x.body_max;
	if (rq->length > 0 && (uint64_t)rq->length > p->x.body_max)
		reply_instead(p, reply_problem(413, "too-large",
				     "the body is longer than %zu bytes", p->x.body_max));
}

/*
 * A refusal goes out before its body where that saves bytes: the client waits for a word from us
 * before it sends, or has much to send.
 */
static bool
refused_at_once(const struct passage *p, const struct head *h)
{
	return head_has_body(h) && (h->expects_continue || p->x.rq.length > UNWANTED_MOST);
}

static enum MHD_Result
take_head(struct passage *p, const char *method, const char *version)
{
	struct serving *s = p->serving;
	struct head h;

	p->x.begun_ns = s->clock().mono_ns;
	p->body_begun_ns = p->x.begun_ns;
	p->x.rq.method = method_parse(method);
	if (!read_head(p, &h, method, version)) {
		atomic_fetch_add_explicit(&s->malformed, 1, memory_order_relaxed);
		return answer_and_close(p);
	}

	p->phase = PHASE_BODY;
	p->begun = true;
	p->chunked = h.chunked;
	if (!s->calls->begin(&p->x, s->arg))
		p->phase = PHASE_UNWANTED;
	else
		check_size(p);
	if (p->phase == PHASE_UNWANTED && refused_at_once(p, &h))
		return answer_and_close(p);
	wait_for(p, WAIT_BODY, s->body_ns);
	return MHD_YES;
}

/* The next piece is due soon, and all of them together must keep a pace. */
static void
wait_for_more(struct passage *p)
{
	const struct serving *s = p->serving;
	uint64_t pace_ns = time_for(s, p->x.bytes_in);
	uint64_t due_ns = s->clock().mono_ns + s->body_ns;

	if (pace_ns < s->body_ns)
		pace_ns = s->body_ns;
	if (s->body_rate > 0 && p->body_begun_ns + pace_ns < due_ns)
		due_ns = p->body_begun_ns + pace_ns;
	connection_wait(p->connection, WAIT_BODY, due_ns);
}

static void
take_into_memory(struct passage *p, const char *data, size_t len)
{
	struct request *rq = &p->x.rq;

	if (len > p->body_room - rq->body_len) {
		reply_instead(p, reply_problem(413, "too-large",
				     "the body is longer than %zu bytes", p->body_room));
		return;
	}
	if (rq->body == NULL)
		rq->body = malloc(p->body_room + 1);
	if (rq->body == NULL) {
		reply_instead(p, reply_busy(1));
		return;
	}
	memcpy(rq->body + rq->body_len, data, len);
	rq->body_len += len;
	rq->body[rq->body_len] = '\0';
}

/* What is wrong with it, or with the disk, is said at its end. */
static void
take_into_file(struct passage *p, const char *data, size_t len)
{
	upload_take(p->x.rq.upload, (const uint8_t *)data, len);
}

/* Chunks of which there is no end: the connection goes, and nobody waits for more of them. */
static enum MHD_Result
give_up(struct passage *p)
{
	atomic_store_explicit(&p->connection->late, true, memory_order_relaxed);
	return MHD_NO;
}

static enum MHD_Result
take_piece(struct passage *p, const char *data, size_t len)
{
	p->x.bytes_in += len;
	if (p->phase == PHASE_BODY && p->x.rq.upload != NULL)
		take_into_file(p, data, len);
	else if (p->phase == PHASE_BODY)
		take_into_memory(p, data, len);
	else if (p->chunked && p->x.bytes_in > p->body_room + UNWANTED_MOST)
		return give_up(p);
	wait_for_more(p);
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
run_once(struct passage *p)
{
	struct serving *s = p->serving;
	enum server_next next;

	do {
		atomic_store_explicit(&p->later, LATER_RUNNING, memory_order_relaxed);
		next = s->calls->run(&p->x, s->arg);
	} while (next == SERVER_LATER && later_is(p, LATER_AGAIN));
	return next == SERVER_REPLY || later_is(p, LATER_READY);
}

static enum MHD_Result
run(struct passage *p)
{
	struct serving *s = p->serving;
	int running = LATER_RUNNING;

	connection_wait(p->connection, WAIT_US, UINT64_MAX);
	if (!run_begins(s))
		return MHD_NO;
	p->phase = PHASE_LATER;
	if (run_once(p)) {
		atomic_fetch_sub(&s->running, 1);
		return answer(p, false);
	}
	MHD_suspend_connection(p->from);
	if (atomic_compare_exchange_strong(&p->later, &running, LATER_SUSPENDED))
		return MHD_YES; /* from here on p is no longer ours */
	MHD_resume_connection(p->from);
	atomic_fetch_sub(&s->running, 1);
	return MHD_YES;
}

static void
go_on(struct exchange *x, enum later how)
{
	struct passage *p = (struct passage *)x;
	struct serving *s = p->serving;
	struct MHD_Connection *from = p->from;

	/* Unless it sleeps already, its own thread goes on with it at once, and may free it. */
	if (atomic_exchange(&p->later, (int)how) != LATER_SUSPENDED)
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

/* There was no memory for a passage: an answer that takes none of ours, and the connection's last.
 */
static enum MHD_Result
answer_without_passage(struct MHD_Connection *from)
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
    const char *version, const char *data, size_t *len, void **passage)
{
	struct passage *p = *passage;
	size_t given = *len;

	(void)serving;
	(void)from;
	(void)url;
	if (p == NULL)
		return answer_without_passage(from);
	if (p->phase == PHASE_HEAD)
		return take_head(p, method, version);
	if (given > 0) {
		*len = 0;
		return take_piece(p, data, given);
	}
	if (p->phase == PHASE_BODY || (p->phase == PHASE_LATER && later_is(p, LATER_AGAIN)))
		return run(p);
	return answer(p, false);
}

static bool
was_late(const struct passage *p)
{
	return atomic_load_explicit(&p->connection->late, memory_order_relaxed);
}

void
serving_over(
    void *serving, struct MHD_Connection *from, void **passage, enum MHD_RequestTerminationCode how)
{
	struct serving *s = serving;
	struct passage *p = *passage;
	uint64_t now_ns = s->clock().mono_ns;

	(void)from;
	if (p == NULL)
		return;
	*passage = NULL;
	if (p->begun && how != MHD_REQUEST_TERMINATED_COMPLETED_OK && !was_late(p))
		atomic_fetch_add_explicit(&s->aborted, 1, memory_order_relaxed);
	if (p->begun)
		s->calls->done(&p->x, now_ns, s->arg);
	connection_wait(p->connection, WAIT_HEAD, now_ns + s->idle_ns);
	answer_free(&p->answer);
	request_free(&p->x.rq);
	reply_free(&p->x.reply);
	free(p);
}

void
serving_end(struct serving *s)
{
	static const struct timespec step = { .tv_nsec = NS_PER_MS };

	atomic_store(&s->ending, true);
	while (atomic_load(&s->running) > 0)
		nanosleep(&step, NULL);
}
