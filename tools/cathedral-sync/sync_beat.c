/* SPDX-License-Identifier: ISC */
/* What goes between the cathedral and the service: "reload" to one, heartbeats to the other. */
#include "tools/cathedral-sync/memory.h"
#include "tools/cathedral-sync/sync_parts.h"
#include "tools/cathedral-sync/want.h"

#include <stdio.h>
#include <string.h>

#define BEAT_QUIET_S  15
#define BEAT_WHOLE_S  20
#define ANSWER_MAX    65536
#define ANSWER_MEMORY ((size_t)4 << 20)
#define URL_MAX       512

/* ---- reload ---- */

/* Without a word of the cathedral there is none to the service, which thinks what it must. */
static void
cathedral_failed(struct sync *s, struct instant now, const char *reason)
{
	complaint_raise(
	    &s->cathedral_trouble, LOG_LEVEL_WARN, now.mono_ns, "no heartbeats: %s", reason);
	s->status.dirty = s->status.dirty || s->status.cathedral_answers;
	s->status.cathedral_answers = false;
}

/* What it says when it cannot. */
static bool
is_refusal(const struct inquiry *q, struct fault *why)
{
	size_t len;
	const char *text = inquiry_answer(q, &len);
	json_t *answer;
	char error[256];
	bool refused;

	memory_json_begin(ANSWER_MEMORY);
	answer = json_loadb(text, len, 0, NULL);
	refused = want_text(answer, "error", error, sizeof(error), why);
	if (refused)
		fault_set(why, "%s", error);
	json_decref(answer);
	return refused;
}

void
sync_reload_turn(struct sync *s, struct instant now)
{
	struct fault why;

	switch (inquiry_turn(&s->reload, now.mono_ns, &why)) {
	case INQUIRY_ANSWERED:
		if (is_refusal(&s->reload, &why))
			complaint_raise(&s->reload_trouble, LOG_LEVEL_ERROR, now.mono_ns,
			    "the cathedral does not take the registry: %s", why.text);
		else
			complaint_settle(
			    &s->reload_trouble, now.mono_ns, "the cathedral takes the registry");
		break;
	case INQUIRY_FAILED:
		/* It looks at the registry by itself, too. */
		complaint_raise(&s->cathedral_trouble, LOG_LEVEL_WARN, now.mono_ns, "%s", why.text);
		break;
	case INQUIRY_QUIET:
		break;
	}
}

/* ---- heartbeats ---- */

/* A tenth sooner or later, so that a fleet that was started together does not beat together. */
static void
schedule(struct sync *s, struct instant now)
{
	uint64_t every_ns = s->conf->heartbeat_s * NS_PER_S;

	s->beat_due_ns =
	    now.mono_ns + every_ns - every_ns / 10 + random_u64(&s->random) % (every_ns / 10 + 1);
}

static void
send_beat(struct sync *s, struct instant now)
{
	struct fetch_request rq = {
		.body = s->beat_body,
		.quiet_s = BEAT_QUIET_S,
		.whole_s = BEAT_WHOLE_S,
		.most = ANSWER_MAX,
	};
	char url[URL_MAX];
	struct fault why;

	snprintf(url, sizeof(url), "%s/v1/cathedral/heartbeat", s->conf->api);
	rq.url = url;
	if (!fetch_begin(s->beat, &rq, &why))
		complaint_raise(&s->beat_trouble, LOG_LEVEL_ERROR, now.mono_ns, "%s", why.text);
}

static void
cathedral_answered(struct sync *s, struct instant now)
{
	size_t len;
	const char *text = inquiry_answer(&s->pulse, &len);
	struct fault why;

	/* While one is still under way, its body must stay as it is. */
	fetch_cancel(s->beat);
	if (!beat_body(s->beat_body, text, len, &s->taken, &why)) {
		fault_prefix(&why, "the cathedral's status");
		cathedral_failed(s, now, why.text);
		return;
	}
	complaint_settle(&s->cathedral_trouble, now.mono_ns, "the cathedral answers");
	s->status.dirty = s->status.dirty || !s->status.cathedral_answers;
	s->status.cathedral_answers = true;
	send_beat(s, now);
}

static void
heard(struct sync *s, const struct fetch_answer *a, struct instant now)
{
	char state[STATUS_STATE];
	struct fault why;
	json_t *answer;

	memory_json_begin(ANSWER_MEMORY);
	answer = json_loadb(a->body, a->len, 0, NULL);
	if (want_text(answer, "state", state, sizeof(state), &why)) {
		/* Only when it was away: who fails at one thing alone is left in peace. */
		if (s->beat_trouble.lasts)
			trail_service_is_back(&s->trail, now.mono_ns);
		complaint_settle(&s->beat_trouble, now.mono_ns, "the service takes heartbeats");
		if (strcmp(state, s->status.state) != 0)
			log_info("the service says that this cathedral is %s", state);
		memcpy(s->status.state, state, sizeof(state));
		s->status.beat_s = now.wall_s;
		s->status.dirty = true;
	} else {
		complaint_raise(&s->beat_trouble, LOG_LEVEL_WARN, now.mono_ns,
		    "heartbeat: the service answers nonsense: %s", why.text);
	}
	json_decref(answer);
}

static void
beat_answered(struct sync *s, const struct fetch_answer *a, struct instant now)
{
	char detail[SYNC_DETAIL];

	if (a->status == 200)
		heard(s, a, now);
	else if (a->status == 0)
		complaint_raise(
		    &s->beat_trouble, LOG_LEVEL_WARN, now.mono_ns, "heartbeat: %s", a->why.text);
	else
		complaint_raise(&s->beat_trouble, LOG_LEVEL_WARN, now.mono_ns,
		    "heartbeat: the service answers %u%s", a->status, sync_detail(a, detail));
	fetch_forget(s->beat);
}

void
sync_beat_turn(struct sync *s, struct instant now)
{
	struct fetch_answer a;
	struct fault why;

	if (fetch_take(s->beat, &a))
		beat_answered(s, &a, now);
	if (s->beat_due_ns <= now.mono_ns) {
		inquiry_want(&s->pulse);
		schedule(s, now);
	}
	switch (inquiry_turn(&s->pulse, now.mono_ns, &why)) {
	case INQUIRY_ANSWERED:
		cathedral_answered(s, now);
		break;
	case INQUIRY_FAILED:
		cathedral_failed(s, now, why.text);
		break;
	case INQUIRY_QUIET:
		break;
	}
}
