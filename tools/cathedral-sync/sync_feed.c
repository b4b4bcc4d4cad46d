/* SPDX-License-Identifier: ISC */
/* The feed: ask, look, put. */
#include "tools/cathedral-sync/intake.h"
#include "tools/cathedral-sync/memory.h"
#include "tools/cathedral-sync/sync_parts.h"
#include "tools/cathedral-sync/want.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define URL_MAX       1024
#define ANSWER_S      15  /* until it begins to come, after what the service may wait */
#define PAGE_S        120 /* until all of a page came: the largest, over a slow line */
#define DETAIL_MEMORY ((size_t)1 << 20)
#define DETAIL_BODY   4096
#define LARGE         (1 << 20)

const char *
sync_detail(const struct fetch_answer *a, char text[static SYNC_DETAIL])
{
	struct fault why;
	json_t *problem;

	memcpy(text, ": ", 3);
	memory_json_begin(DETAIL_MEMORY);
	problem = a->len <= DETAIL_BODY ? json_loadb(a->body, a->len, 0, NULL) : NULL;
	if (!want_text(problem, "detail", text + 2, SYNC_DETAIL - 2, &why))
		text[0] = '\0';
	json_decref(problem);
	return text;
}

/* ---- asking ---- */

/* A text as it may stand in a query. */
static void
escape(char *to, size_t size, const char *text)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	size_t len = 0;

	for (; *text != '\0' && len + 4 <= size; text++) {
		if (strchr(plain, *text) != NULL)
			to[len++] = *text;
		else
			len +=
			    (size_t)snprintf(to + len, size - len, "%%%02X", (unsigned char)*text);
	}
	to[len] = '\0';
}

static void
write_url(char url[static URL_MAX], const char *api, const struct trail_question *q)
{
	char database[3 * RECORD_DATABASE];
	int len = snprintf(url, URL_MAX, "%s/v1/cathedral/feed?since=%" PRIu64 "&wait=%u", api,
	    q->since, q->wait_s);

	if (q->begun != 0)
		len += snprintf(url + len, URL_MAX - (size_t)len, "&begun=%" PRIu64, q->begun);
	if (q->database[0] == '\0')
		return;
	escape(database, sizeof(database), q->database);
	snprintf(url + len, URL_MAX - (size_t)len, "&database=%s", database);
}

static void
ask(struct sync *s, struct instant now)
{
	struct trail_question q = trail_ask(&s->trail, now.mono_ns);
	struct fetch_request rq = {
		.quiet_s = q.wait_s + ANSWER_S,
		.whole_s = q.wait_s + PAGE_S,
		.most = INTAKE_BODY_MAX,
	};
	char url[URL_MAX];
	struct fault why;

	write_url(url, s->conf->api, &q);
	rq.url = url;
	if (fetch_begin(s->feed, &rq, &why))
		return;
	complaint_raise(&s->feed_trouble, LOG_LEVEL_ERROR, now.mono_ns, "%s", why.text);
	trail_failed(&s->trail, TRAIL_NO_PAGE, 0, now.mono_ns, &s->random);
}

/* ---- what came ---- */

static void
fail(struct sync *s, enum trail_failure how, const struct fetch_answer *a, struct instant now,
    const char *text)
{
	complaint_raise(&s->feed_trouble, LOG_LEVEL_WARN, now.mono_ns, "%s", text);
	status_error(&s->status, now.wall_s, text);
	trail_failed(&s->trail, how, a->retry_after_s, now.mono_ns, &s->random);
}

/* A page that is not fit for the registry stays beside it, for whoever wants to know. */
static void
refuse(struct sync *s, const struct fetch_answer *a, struct instant now, const char *reason)
{
	struct fault text, why;

	s->status.refused++;
	if (intake_keep(s->refused_path, s->status.mode, fetch_body(s->feed), a->len, &why))
		fault_set(&text, "the service sent a page that is refused: %s (it is %s)", reason,
		    s->refused_path);
	else
		fault_set(&text, "the service sent a page that is refused: %s (not kept: %s)",
		    reason, why.text);
	fail(s, TRAIL_NO_PAGE, a, now, text.text);
}

static void
say_kept(struct sync *s, const struct record_page *p, struct instant now)
{
	uint64_t suppressed;

	if (!log_limit_allow(&s->page_lines, now.mono_ns, &suppressed))
		return;
	log_info("up to change %ju: %zu flock%s, %zu xflock%s, %zu gone%s%s%s", (uintmax_t)p->until,
	    p->flock_count, p->flock_count == 1 ? "" : "s", p->xflock_count,
	    p->xflock_count == 1 ? "" : "s", p->flock_gone_count + p->xflock_gone_count,
	    p->has_fleet ? ", the fleet" : "", p->reset ? ", from the beginning" : "",
	    p->more ? "; there is more" : "");
	if (suppressed > 0)
		log_info("pages before, of which nothing was said: %ju", (uintmax_t)suppressed);
}

static void
kept(struct sync *s, const struct record_page *p, bool changed, struct instant now)
{
	struct fault why;

	if (!sync_look(s, &why)) {
		log_error("%s", why.text);
		trail_set(&s->trail, p->database, p->until);
	}
	trail_kept(&s->trail, p, now.mono_ns, &s->random);
	complaint_settle(&s->feed_trouble, now.mono_ns, "the service is followed");
	s->status.success = now;
	s->status.dirty = true;
	if (changed || p->reset)
		say_kept(s, p, now);
	if (changed)
		inquiry_want(&s->reload);
}

static void
place(struct sync *s, const struct fetch_answer *a, const struct record_page *p, struct instant now)
{
	struct fault why;
	bool changed = false;

	switch (trail_place(&s->trail, p)) {
	case TRAIL_ASTRAY:
		fail(s, TRAIL_NO_ROW, a, now,
		    "the service goes on from elsewhere: all there is has to come again");
		return;
	case TRAIL_CIRCLE:
		refuse(s, a, now, "there is more, it says, but it gets no further");
		return;
	case TRAIL_NEXT:
		break;
	}
	if (registry_db_put(s->db, p, &changed, &s->random, &why))
		kept(s, p, changed, now);
	else
		refuse(s, a, now, why.text);
}

static void
take_page(struct sync *s, const struct fetch_answer *a, struct instant now)
{
	struct record_page page;
	struct fault why;

	if (intake_read(&page, a->body, a->len, &why))
		place(s, a, &page, now);
	else
		refuse(s, a, now, why.text);
	record_page_free(&page);
}

static void
answered(struct sync *s, const struct fetch_answer *a, struct instant now)
{
	enum trail_failure how = fetch_is_away(a) ? TRAIL_AWAY : TRAIL_NO_PAGE;
	char detail[SYNC_DETAIL];
	struct fault text;

	if (a->status == 200) {
		take_page(s, a, now);
	} else if (a->status == 0) {
		fault_set(&text, "the service cannot be reached: %s", a->why.text);
		fail(s, how, a, now, text.text);
	} else if (a->status == 401 || a->status == 403) {
		fault_set(&text,
		    "the service does not take the token in %s (%u%s): the registry stays as it is",
		    s->conf->token, a->status, sync_detail(a, detail));
		fail(s, TRAIL_NO_ACCESS, a, now, text.text);
	} else {
		fault_set(&text, "the service answers %u%s%s", a->status, sync_detail(a, detail),
		    a->status >= 300 && a->status < 400 ? ", which is not followed" : "");
		fail(s, how, a, now, text.text);
	}
	fetch_forget(s->feed);
	if (a->len > LARGE)
		memory_trim();
}

void
sync_feed_turn(struct sync *s, struct instant now)
{
	struct fetch_answer a;

	if (fetch_take(s->feed, &a))
		answered(s, &a, now);
	if (trail_due_ns(&s->trail) <= now.mono_ns)
		ask(s, now);
}
