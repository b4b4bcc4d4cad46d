/* SPDX-License-Identifier: ISC */
/* What the service is made of, and a request on its way through it: for the files of this folder.
 */
#ifndef RELIQUARY_API_SERVICE_PARTS_H
#define RELIQUARY_API_SERVICE_PARTS_H

#include "reliquary-api/http/router.h"
#include "reliquary-api/service/api.h"
#include "reliquary-api/service/berths.h"
#include "reliquary-api/service/desks.h"
#include "reliquary-api/service/finisher.h"
#include "reliquary-api/service/upkeep.h"
#include "reliquary-api/service/used_days.h"
#include "reliquary-api/service/waiting.h"
#include "reliquary-api/service/writer.h"

#include <stdatomic.h>

#define BUSY_RETRY_S 1 /* until there may be a desk, or room in the queue */

struct api {
	struct api_options o;
	struct counts counts;
	struct router *router;
	struct rates *rates;
	struct desks *desks;
	struct berths *berths;
	struct used_days *days;
	struct waiting *waiting;
	struct writer *writer;
	struct finisher *finisher;
	struct keeper *keeper;
	_Atomic bool draining;
};

/* A request whose route is known.  The exchange's state, from begin() to done(). */
struct visit {
	struct job job;       /* first: the writer hands it back */
	struct chore chore;   /* an upload's wait for the disk */
	struct waiter waiter; /* for a change */
	bool waited;          /* it has been asked before */
	bool over;            /* and waits no longer */
	uint64_t asleep_ns;   /* since when it waits, or waited last */
	uint64_t slept_ns;    /* how long in all */
	struct api *api;
	struct exchange *x;
	const struct route *route;
	struct instant now; /* when it began, then when it ran */
	struct caller who;
	struct cathedral_row cathedral;
	bool berth; /* holds one of berth_of's */
	struct account_id berth_of;
	bool replayed;
};

/* admission.c: begin() */
bool api_begin(struct exchange *x, void *arg);

/* run.c: run() */
enum server_next api_run(struct exchange *x, void *arg);

/* api.c: nothing new is begun any more. */
bool api_draining(const struct api *s);
struct reply reply_draining(void);

/*
 * identity.c: who asks, by the token, now; fills v->who or v->cathedral.  False with the answer;
 * *wrong: there was a token, and it is nobody's.
 */
bool visit_identify(struct visit *v, struct session *store, struct reply *refused, bool *wrong);

/* The same where strangers try tokens: counts the wrong ones, and limits them. */
bool visit_admit(struct visit *v, struct session *store, struct reply *refused);

struct call visit_call(struct visit *v, struct session *store, struct random *random);

/* repeat.c: is there an Idempotency-Key that is to be looked at, and is it one? */
bool repeat_wanted(const struct visit *v);
bool repeat_key_ok(const struct visit *v);

/* True when *ret is the answer: the first one again, or that it cannot be had. */
bool repeat_answer(const struct call *c, const struct route *route, struct reply *ret);

/* Remembers the first answer; false when it could not be, with *failed in its place. */
bool repeat_remember(const struct call *c, const struct route *route, const struct reply *first,
    struct reply *failed);

#endif
