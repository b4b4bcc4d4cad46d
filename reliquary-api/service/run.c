/* SPDX-License-Identifier: ISC */
/* The body is there: reads are answered at once, writes go to the writer, and uploads to the disk
 * before that. */
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/http/fields.h"
#include "reliquary-api/service/disk.h"
#include "reliquary-api/service/parts.h"

#include <stddef.h>

/* In place of what is there. */
static void
reply_set(struct visit *v, struct reply reply)
{
	reply_free(&v->x->reply);
	v->x->reply = reply;
}

/* Nested deeper than JSON_PARSER_MAX_DEPTH it is refused: Jansson calls itself for each level. */
static bool
json_ok(struct visit *v)
{
	struct request *rq = &v->x->rq;
	struct reply refused;

	if (v->route->body != BODY_JSON || rq->body_len == 0)
		return true;
	if (rq->type != CONTENT_JSON) {
		reply_set(v, reply_problem(415, "type", "the body must be application/json"));
		return false;
	}
	rq->json =
	    fields_object(rq->body, rq->body_len, "the body must be one JSON object", &refused);
	if (rq->json != NULL)
		return true;
	reply_set(v, refused);
	return false;
}

/* All in one transaction: what is seen is of one moment. */
static void
read_moment(struct visit *v, struct desk *desk, bool again)
{
	enum store_result result = session_read_begin(desk->session);
	struct call call;

	if (result != STORE_OK) {
		reply_set(v, reply_store(result, "answer"));
	} else if (visit_admit(v, desk->session, &v->x->reply)) {
		call = visit_call(v, desk->session, &desk->random);
		call.again = again;
		reply_set(v, v->route->handle(&call));
	}
	session_read_end(desk->session);
}

/* Who waits for changes reads files, too, which may have been replaced while he looked. */
static void
read_run(struct visit *v)
{
	struct desk *desk = desks_take(v->api->desks);

	if (desk == NULL) {
		reply_set(v, reply_busy(BUSY_RETRY_S));
		return;
	}
	read_moment(v, desk, false);
	if (v->route->effect == EFFECT_WAITS && v->x->reply.status == 503) {
		reply_free(&v->x->reply);
		read_moment(v, desk, true);
	}
	desks_return(v->api->desks, desk);
}

/* Into words before it is kept: afterwards there may be no memory left to say it with. */
static void
put_into_words(struct reply *r)
{
	struct json_text t = { .secret = r->secret };
	struct reply words;

	if (r->json == NULL)
		return;
	json_text_value(&t, r->json);
	words = reply_written(r->status, &t);
	reply_free(r);
	*r = words;
}

static bool
write_work(struct job *job, struct session *store, struct random *random)
{
	struct visit *v = (struct visit *)job;
	struct reply *reply = &v->x->reply;
	struct reply failed;
	struct call call;
	bool wrong;

	reply_free(reply);
	v->replayed = false;
	if (!visit_identify(v, store, reply, &wrong))
		return false;
	call = visit_call(v, store, random);
	if (repeat_wanted(v) && repeat_answer(&call, v->route, reply)) {
		v->replayed = reply->replayed;
		return false;
	}
	*reply = v->route->handle(&call);
	if (reply->status < 400)
		put_into_words(reply);
	if (reply->status >= 400)
		return false;
	if (!repeat_wanted(v) || repeat_remember(&call, v->route, reply, &failed))
		return true;
	reply_set(v, failed);
	return false;
}

static void
note_outcome(struct visit *v, bool kept)
{
	struct counts *c = &v->api->counts;
	unsigned status = v->x->reply.status;

	if (v->replayed)
		counts_add(&c->repeats, 1);
	if (kept && v->x->rq.upload != NULL)
		counts_add(&c->uploads, 1);
	if (kept && v->route->rate == RATE_REGISTER)
		counts_add(&c->registrations, 1);
	if (v->x->rq.upload != NULL && status >= 400 && status < 500)
		counts_add(&c->uploads_refused, 1);
}

/* A file that no row names after all is removed by upkeep; a row without its file nothing mends. */
static void
file_keep(struct visit *v, bool kept)
{
	if (v->x->rq.upload != NULL && (kept || v->job.doubtful))
		upload_keep(v->x->rq.upload);
}

static void
write_done(struct job *job, enum store_result result)
{
	struct visit *v = (struct visit *)job;
	bool kept = job->ok && result == STORE_OK;

	if (result != STORE_OK && v->x->reply.status < 400)
		reply_set(
		    v, reply_store(result == STORE_CONFLICT ? STORE_FAILED : result, "store"));
	file_keep(v, kept);
	note_outcome(v, kept);
	server_resume(v->x); /* from here on it is the server's, and v may be gone */
}

static void
settle_run(struct chore *chore)
{
	struct visit *v = (struct visit *)((char *)chore - offsetof(struct visit, chore));
	struct upload *u = v->x->rq.upload;

	if (upload_settle(u) != UPLOAD_OK) {
		reply_set(v, reply_store(disk_result(upload_errno(u)), "bundle"));
		server_resume(v->x);
		return;
	}
	if (!writer_submit(v->api->writer, &v->job)) {
		reply_set(v, reply_busy(BUSY_RETRY_S));
		server_resume(v->x);
	}
}

static bool
upload_whole(struct visit *v)
{
	struct upload *u = v->x->rq.upload;
	struct counts *c = &v->api->counts;

	counts_add(&c->upload_bytes, upload_size(u));
	switch (upload_end(u)) {
	case UPLOAD_OK:
		return true;
	case UPLOAD_WRONG:
		counts_add(&c->uploads_refused, 1);
		reply_set(v, reply_problem(400, "bundle", "%s", upload_fault(u)->text));
		return false;
	case UPLOAD_FAILED:
		break;
	}
	reply_set(v, reply_store(disk_result(upload_errno(u)), "bundle"));
	return false;
}

/* To whoever will resume it. */
static enum server_next
hand_over(struct visit *v)
{
	struct api *s = v->api;
	bool taken;

	v->job.work = write_work;
	v->job.done = write_done;
	v->chore.run = settle_run;
	taken = v->x->rq.upload != NULL ? finisher_submit(s->finisher, &v->chore)
					: writer_submit(s->writer, &v->job);
	if (taken)
		return SERVER_LATER;
	reply_set(v, reply_busy(BUSY_RETRY_S));
	return SERVER_REPLY;
}

static void
waiter_wake(struct waiter *w, bool over)
{
	struct visit *v = (struct visit *)((char *)w - offsetof(struct visit, waiter));

	v->over = over;
	server_run_again(v->x);
}

/* Until there is something to say, or nobody may wait any longer. */
static enum server_next
read_patiently(struct visit *v)
{
	struct waiting *w = v->api->waiting;
	enum waiting_answer answer;
	uint64_t seen;

	do {
		seen = waiting_seen(w);
		read_run(v);
		if (v->x->reply.wait_s == 0)
			return SERVER_REPLY;
		/* By the first answer: later ones do not begin anew. */
		if (!v->waited)
			v->waiter.until_ns = v->now.mono_ns + v->x->reply.wait_s * NS_PER_S;
		v->waited = true;
		v->asleep_ns = v->now.mono_ns;
		v->waiter.wake = waiter_wake;
		v->waiter.owner = v->cathedral.name;
		answer = waiting_add(w, &v->waiter, seen);
		if (answer == WAITING_YES)
			return SERVER_LATER; /* from here on v may be somebody else's */
		v->over = answer == WAITING_OVER;
	} while (true);
}

enum server_next
api_run(struct exchange *x, void *arg)
{
	struct api *s = arg;
	struct visit *v = x->state;

	v->now = s->o.clock();
	if (v->waited)
		v->slept_ns += v->now.mono_ns - v->asleep_ns;
	if (!json_ok(v))
		return SERVER_REPLY;
	if (x->rq.upload != NULL && !upload_whole(v))
		return SERVER_REPLY;
	switch (v->route->effect) {
	case EFFECT_WRITES:
		return hand_over(v);
	case EFFECT_WAITS:
		return read_patiently(v);
	case EFFECT_READS:
		break;
	}
	read_run(v);
	return SERVER_REPLY;
}
