/* SPDX-License-Identifier: ISC */
/*
 * When the service is asked for the next page of the feed, and from where on; what to make of a
 * page's place in the row; and how to bear with a service that is away, busy or wrong.  Decides
 * only: time and randomness are arguments.
 */
#ifndef CATHEDRAL_SYNC_TRAIL_H
#define CATHEDRAL_SYNC_TRAIL_H

#include "base/random.h"
#include "registry/records.h"

#include <stdbool.h>
#include <stdint.h>

#define TRAIL_NEVER UINT64_MAX

enum trail_state {
	TRAIL_BEGINS, /* nothing was heard since the start */
	TRAIL_GOES_ON,
	TRAIL_FAILS,
	TRAIL_DENIED,
};

struct trail {
	unsigned wait_s;
	enum trail_state state;
	char database[RECORD_DATABASE]; /* up to where the registry goes */
	uint64_t until;
	uint64_t begun; /* as the page before said, while there is more */
	bool anew;      /* all there is has to come again */
	bool asking;    /* an answer is awaited */
	bool waits;     /* for a change, if there is none yet */
	uint64_t asked_ns, next_ns;
	unsigned failures; /* in a row */
	uint64_t credit_ns, credited_ns;
};

void trail_begin(struct trail *t, unsigned wait_s, uint64_t now_ns);

/* What the registry holds now. */
void trail_set(struct trail *t, const char *database, uint64_t until);

/* When to ask; TRAIL_NEVER while an answer is awaited. */
uint64_t trail_due_ns(const struct trail *t);

struct trail_question {
	uint64_t since, begun;
	const char *database; /* whose number this is; "": nobody's, from the beginning */
	unsigned wait_s;
};

/* It is asked now; to wait only when it is known to be well, so that this is known soon. */
struct trail_question trail_ask(struct trail *t, uint64_t now_ns);

/* Where the page stands in the row of pages that was asked for. */
enum trail_place {
	TRAIL_NEXT,
	TRAIL_ASTRAY, /* it goes on from elsewhere */
	TRAIL_CIRCLE, /* it says that there is more, and gets no further */
};

enum trail_place trail_place(const struct trail *t, const struct record_page *page);

/* The page is in the registry, of which trail_set() tells. */
void trail_kept(
    struct trail *t, const struct record_page *page, uint64_t now_ns, struct random *random);

enum trail_failure {
	TRAIL_AWAY,      /* nothing came from the service itself */
	TRAIL_NO_PAGE,   /* something did, but no page that is fit */
	TRAIL_NO_ACCESS, /* the token is not good */
	TRAIL_NO_ROW,    /* astray: from the beginning */
};

/* retry_after_s: what the service asks for; 0: nothing. */
void trail_failed(struct trail *t, enum trail_failure how, uint64_t retry_after_s, uint64_t now_ns,
    struct random *random);

/* Something changed that may help: asks at once. */
void trail_hurry(struct trail *t, uint64_t now_ns);

/* The service answers again, but another question: if this one failed, it is asked at once. */
void trail_service_is_back(struct trail *t, uint64_t now_ns);

#endif
