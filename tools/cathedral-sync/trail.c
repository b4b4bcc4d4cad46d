/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/trail.h"

#include "base/clock.h"

#include <string.h>

#define PAUSE_FIRST_NS  (1 * NS_PER_S)
#define PAUSE_MOST_NS   (60 * NS_PER_S)
#define PAUSE_AWAY_NS   (20 * NS_PER_S) /* nobody is burdened, and it may be back any moment */
#define PAUSE_ASKED_MAX 300 /* seconds; a service that wants more is asked sooner than it wants */
#define EARLY_NS        (1 * NS_PER_S)

/*
 * Pages at once, and one more every so often: many are what a beginning takes, but no service makes
 * this host write without end.
 */
#define PAGES_BURST 1024
#define PAGE_NS     (100 * NS_PER_MS)

void
trail_begin(struct trail *t, unsigned wait_s, uint64_t now_ns)
{
	*t = (struct trail){
		.wait_s = wait_s,
		.state = TRAIL_BEGINS,
		.next_ns = now_ns,
		.credit_ns = PAGES_BURST * PAGE_NS,
		.credited_ns = now_ns,
	};
}

void
trail_set(struct trail *t, const char *database, uint64_t until)
{
	size_t len = strnlen(database, sizeof(t->database) - 1);

	memcpy(t->database, database, len);
	t->database[len] = '\0';
	t->until = until;
}

uint64_t
trail_due_ns(const struct trail *t)
{
	return t->asking ? TRAIL_NEVER : t->next_ns;
}

/* From 0 on there is no database to name: whatever there is, is right. */
static bool
from_the_beginning(const struct trail *t)
{
	return t->anew || t->database[0] == '\0';
}

struct trail_question
trail_ask(struct trail *t, uint64_t now_ns)
{
	t->asking = true;
	t->waits = t->state == TRAIL_GOES_ON;
	t->asked_ns = now_ns;
	t->credit_ns += now_ns - t->credited_ns;
	t->credited_ns = now_ns;
	if (t->credit_ns > PAGES_BURST * PAGE_NS)
		t->credit_ns = PAGES_BURST * PAGE_NS;
	t->credit_ns -= t->credit_ns < PAGE_NS ? t->credit_ns : PAGE_NS;
	if (from_the_beginning(t))
		return (struct trail_question){ .database = "" };
	return (struct trail_question){
		.since = t->until,
		.begun = t->begun,
		.database = t->database,
		.wait_s = t->waits ? t->wait_s : 0,
	};
}

enum trail_place
trail_place(const struct trail *t, const struct record_page *page)
{
	if (page->reset ? page->since != 0
			: from_the_beginning(t) || page->since != t->until ||
			      strcmp(page->database, t->database) != 0)
		return TRAIL_ASTRAY;
	if (page->more && page->until == page->since)
		return TRAIL_CIRCLE;
	return TRAIL_NEXT;
}

/* Between half of it and all of it, so that those who failed together do not come back together. */
static uint64_t
jitter(uint64_t ns, struct random *random)
{
	return ns / 2 + random_u64(random) % (ns / 2 + 1);
}

void
trail_kept(struct trail *t, const struct record_page *page, uint64_t now_ns, struct random *random)
{
	bool nothing = !page->more && page->until == page->since;

	t->asking = false;
	t->anew = false;
	t->begun = page->more ? page->begun : 0;
	t->failures = 0;
	t->state = TRAIL_GOES_ON;
	t->next_ns = now_ns;
	/* The service should have waited before it said that there is nothing. */
	if (nothing && (t->waits || page->until == 0) && now_ns - t->asked_ns < EARLY_NS)
		t->next_ns = now_ns + jitter(2 * EARLY_NS, random);
	else if (t->credit_ns < PAGE_NS)
		t->next_ns = now_ns + PAGE_NS - t->credit_ns;
}

static uint64_t
pause_ns(const struct trail *t, enum trail_failure how)
{
	uint64_t most_ns = how == TRAIL_AWAY ? PAUSE_AWAY_NS : PAUSE_MOST_NS;
	unsigned doublings = t->failures - 1;

	if (how == TRAIL_NO_ACCESS || doublings >= 6 || PAUSE_FIRST_NS << doublings > most_ns)
		return most_ns;
	return PAUSE_FIRST_NS << doublings;
}

void
trail_failed(struct trail *t, enum trail_failure how, uint64_t retry_after_s, uint64_t now_ns,
    struct random *random)
{
	uint64_t asked_for_s = retry_after_s < PAUSE_ASKED_MAX ? retry_after_s : PAUSE_ASKED_MAX;
	uint64_t asked_for_ns = asked_for_s * NS_PER_S, ns;

	t->asking = false;
	t->failures++;
	t->state = how == TRAIL_NO_ACCESS ? TRAIL_DENIED : TRAIL_FAILS;
	if (how == TRAIL_NO_ROW)
		t->anew = true;
	ns = jitter(pause_ns(t, how), random);
	if (ns < asked_for_ns)
		ns = asked_for_ns + random_u64(random) % (asked_for_ns / 4 + 1);
	t->next_ns = now_ns + ns;
}

void
trail_hurry(struct trail *t, uint64_t now_ns)
{
	t->asking = false;
	t->failures = 0;
	t->next_ns = now_ns;
}

void
trail_service_is_back(struct trail *t, uint64_t now_ns)
{
	if (!t->asking && (t->state == TRAIL_FAILS || t->state == TRAIL_DENIED))
		trail_hurry(t, now_ns);
}
