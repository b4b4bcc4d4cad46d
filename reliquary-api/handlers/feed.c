/* SPDX-License-Identifier: ISC */
/*
 * What cathedrals hear of, in pages: of everything that changed after a number its whole state as
 * it is now.  So it does no harm to hear of something twice, or late; and from 0 on all there is
 * comes up, which is how a cathedral begins.
 */
#include "reliquary-api/store/feed.h"
#include "base/hex.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/feed_pages.h"
#include "reliquary-api/handlers/feed_parts.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/http/forget.h"

#include <string.h>

#define SUBJECTS_MOST 1000
#define BYTES_ENOUGH  (1 << 20) /* then nothing more is begun */
#define WAIT_MOST_S   300

struct feed {
	struct feed_work work;
	json_t *root, *flocks, *xflocks, *flocks_gone, *xflocks_gone;
	size_t subjects;
	uint64_t since, begun, until;
	uint64_t last; /* change there is */
	bool reset, more;
};

static bool
page_open(struct feed *p)
{
	p->root = json_pack(
	    "{s:[], s:[], s:{s:[], s:[]}}", "flocks", "xflocks", "gone", "flocks", "xflocks");
	return json_unpack(p->root, "{s:o, s:o, s:{s:o, s:o}}", "flocks", &p->flocks, "xflocks",
		   &p->xflocks, "gone", "flocks", &p->flocks_gone, "xflocks",
		   &p->xflocks_gone) == 0;
}

static void
put(struct feed *p, json_t *array, json_t *value)
{
	if (!feed_append(array, value) && p->work.result == STORE_OK)
		p->work.result = STORE_FAILED;
}

static void
put_fleet(struct feed *p)
{
	json_t *fleet = feed_fleet_json(&p->work);

	if (json_object_set_new(p->root, "cathedrals", fleet) != 0 && p->work.result == STORE_OK)
		p->work.result = STORE_FAILED;
}

static void
put_flock(struct feed *p, struct flock_id flock)
{
	enum store_result served = feed_flock(p->work.c->store, flock);
	char id[ID64_TEXT];

	id64_text(flock.value, id);
	if (served == STORE_OK)
		put(p, p->flocks, feed_flock_json(&p->work, flock));
	else if (served == STORE_NONE)
		put(p, p->flocks_gone, json_string(id));
	else
		p->work.result = served;
}

static void
put_xflock(struct feed *p, struct flock_id a, struct flock_id b)
{
	enum store_result served = feed_xflock(p->work.c->store, a, b);
	char a_text[ID64_TEXT], b_text[ID64_TEXT];

	id64_text(a.value, a_text);
	id64_text(b.value, b_text);
	if (served == STORE_OK)
		put(p, p->xflocks, feed_xflock_json(&p->work, a, b));
	else if (served == STORE_NONE)
		put(p, p->xflocks_gone, json_pack("[s, s]", a_text, b_text));
	else
		p->work.result = served;
}

static bool
put_change(void *arg, const struct change *c)
{
	struct feed *p = arg;

	if (p->subjects == SUBJECTS_MOST || p->work.bytes >= BYTES_ENOUGH) {
		p->more = true;
		return false;
	}
	p->subjects++;
	p->until = c->number;
	if (c->a.value == 0)
		put_fleet(p);
	else if (flock_equal(c->a, c->b))
		put_flock(p, c->a);
	else
		put_xflock(p, c->a, c->b);
	return p->work.result == STORE_OK;
}

struct asked {
	uint64_t since, begun, wait_s;
	const char *database; /* whose number since is; NULL: this one's */
};

static bool
asked_read(const struct request *rq, struct asked *ret, struct reply *refused)
{
	const char *since = request_query(rq, "since"), *begun = request_query(rq, "begun");
	const char *wait = request_query(rq, "wait");

	*ret = (struct asked){ .database = request_query(rq, "database") };
	if (since != NULL && !decimal_u64(&ret->since, since, INT64_MAX)) {
		*refused = reply_bad_field("since", "is the number up to which changes are known");
		return false;
	}
	if (begun != NULL && !decimal_u64(&ret->begun, begun, INT64_MAX)) {
		*refused = reply_bad_field("begun", "is what the page before said");
		return false;
	}
	if (wait != NULL && !decimal_u64(&ret->wait_s, wait, WAIT_MOST_S)) {
		*refused =
		    reply_bad_field("wait", "is a number of seconds, at most %d", WAIT_MOST_S);
		return false;
	}
	return true;
}

/* Is it none of ours, or is something forgotten that went after it? */
static bool
must_begin_anew(const struct asked *asked, const char *database, uint64_t last, uint64_t forgotten)
{
	if (asked->since == 0 || asked->since > last || asked->begun > last)
		return true;
	if (asked->database != NULL && strcmp(asked->database, database) != 0)
		return true;
	/* In the middle of all there is numbers are old: what went before it began does not count.
	 */
	return asked->since < forgotten && asked->begun < forgotten;
}

static enum store_result
page_begin(struct feed *p, const struct asked *asked, char database[static STORE_LABEL])
{
	struct session *store = p->work.c->store;
	enum store_result result = fact_get(store, "id", database);
	uint64_t forgotten;

	if (result == STORE_OK)
		result = change_bounds(store, &p->last, &forgotten);
	if (result != STORE_OK)
		return result == STORE_NONE ? STORE_FAILED : result;
	p->reset = must_begin_anew(asked, database, p->last, forgotten);
	p->since = p->reset ? 0 : asked->since;
	p->begun = p->reset ? p->last : asked->begun;
	if (p->begun < p->since)
		p->begun = p->since;
	p->until = p->since;
	return STORE_OK;
}

/* The last page ends with the last number, whether its row is still there or not. */
static enum store_result
page_changes(struct feed *p)
{
	enum store_result result =
	    change_list(p->work.c->store, p->since, SUBJECTS_MOST + 1, put_change, p);

	if (!p->more)
		p->until = p->last;
	return p->work.result != STORE_OK ? p->work.result : result;
}

static struct feed_page
page_name(const struct feed *p)
{
	return (struct feed_page){
		.since = p->since, .begun = p->begun, .last = p->last, .reset = p->reset
	};
}

/* For all who ask for the same. */
static struct reply
page_share(struct feed *p)
{
	struct json_text t = { .secret = p->work.secret };
	struct feed_page name = page_name(p);
	struct shared_text *shared;

	json_text_value(&t, p->root);
	shared = shared_text_make(&t);
	if (shared == NULL)
		return reply_failed();
	feed_pages_keep(p->work.c->site->pages, &name, shared);
	return reply_shared(200, shared);
}

static struct reply
page_reply(struct feed *p, const char *database)
{
	if (json_object_update_new(p->root,
		json_pack("{s:s, s:I, s:I, s:I, s:b, s:b}", "database", database, "since",
		    (json_int_t)p->since, "until", (json_int_t)p->until, "begun",
		    (json_int_t)p->begun, "reset", (int)p->reset, "more", (int)p->more)) != 0)
		return reply_failed();
	if (p->work.c->site->pages != NULL && p->subjects > 0 && !p->work.lost)
		return page_share(p);
	return p->work.secret ? reply_secret(200, json_incref(p->root))
			      : reply_json(200, json_incref(p->root));
}

/* By somebody else, just now; NULL: not yet. */
static struct shared_text *
page_made(const struct feed *p)
{
	struct feed_pages *pages = p->work.c->site->pages;
	struct feed_page name = page_name(p);

	return pages != NULL ? feed_pages_find(pages, &name) : NULL;
}

static struct reply
page_fill(struct feed *p, const struct asked *asked)
{
	const struct call *c = p->work.c;
	char database[STORE_LABEL];
	enum store_result result = page_begin(p, asked, database);
	struct shared_text *made = NULL;

	if (result == STORE_OK)
		made = page_made(p);
	if (made != NULL)
		return reply_shared(200, made);
	if (result == STORE_OK && !page_open(p))
		result = STORE_FAILED;
	if (result == STORE_OK)
		result = page_changes(p);
	if (result != STORE_OK)
		return reply_store(result, "feed");
	if (p->subjects == 0 && !p->reset && asked->wait_s > 0 && c->may_wait)
		return reply_not_yet((unsigned)asked->wait_s);
	return page_reply(p, database);
}

struct reply
handle_feed(const struct call *c)
{
	struct feed p = { .work.c = c };
	struct asked asked;
	struct reply reply;

	if (!asked_read(c->rq, &asked, &reply))
		return reply;
	reply = page_fill(&p, &asked);
	if (reply.json == p.root)
		json_decref(p.root); /* it is the reply's now */
	else
		forget_json(p.root);
	return reply;
}
