/* SPDX-License-Identifier: ISC */
/*
 * What handlers get and give.  A handler is a function of its call to a reply: it reads the
 * request, asks the store, and says what came of it.  It may be run again when the first try's
 * transaction failed, so it changes nothing but through c->store.
 */
#ifndef RELIQUARY_API_HANDLERS_HANDLER_H
#define RELIQUARY_API_HANDLERS_HANDLER_H

#include "base/clock.h"
#include "base/random.h"
#include "database/vault.h"
#include "reliquary-api/auth/pow.h"
#include "reliquary-api/auth/secret_kind.h"
#include "reliquary-api/handlers/settings.h"
#include "reliquary-api/http/reply.h"
#include "reliquary-api/http/request.h"
#include "reliquary-api/http/upload.h"
#include "reliquary-api/store/accounts.h"
#include "reliquary-api/store/cathedrals.h"
#include "reliquary-api/store/store.h"

#include <stdbool.h>

struct feed_pages;

/* The same for all calls; read by any thread. */
struct site {
	const struct settings *settings;
	const struct vault *vault;
	struct pow_load *load;
	const char *bundles;      /* folder */
	struct feed_pages *pages; /* NULL: each is made anew */
};

struct call {
	const struct request *rq;
	const struct site *site;
	struct session *store; /* a writer's for routes that write, else a reader's */
	struct random *random;
	struct instant now;
	struct caller who;              /* ACCESS_ACCOUNT, ACCESS_ENDED */
	struct cathedral_row cathedral; /* ACCESS_CATHEDRAL */
	bool may_wait;                  /* EFFECT_WAITS: the time is not over */
	bool again;                     /* EFFECT_WAITS: of a later moment, after a 503 */
};

enum access {
	ACCESS_ANYONE = 0,
	ACCESS_ACCOUNT,   /* a token of an account that is neither expired nor suspended */
	ACCESS_ENDED,     /* the same, but expired ones, too */
	ACCESS_CATHEDRAL, /* a cathedral's token */
};

enum body {
	BODY_NONE = 0, /* none, or an empty one */
	BODY_JSON,     /* a JSON object, or nothing */
	BODY_RAW,      /* at most BODY_RAW_MAX bytes of whatever type; the handler looks at them */
	BODY_UPLOAD,   /* route->upload says what */
};

#define BODY_JSON_MAX 16384
#define BODY_RAW_MAX  4096

enum effect {
	EFFECT_READS = 0,
	EFFECT_WAITS, /* reads, and may answer reply_not_yet() while call.may_wait */
	EFFECT_WRITES
};

/*
 * Before the first byte of an upload: may it come?  rq->length is known to be size.  On true the
 * check is what looks at the bytes; on false *refused is the answer.
 *
 * The handler is asked once all bytes are on disk and the check was content; it names the file to
 * the store, and leaves it alone.  The service keeps the file when the answer is a success and was
 * committed, and lets it go otherwise.
 */
struct upload_rule {
	uint64_t size;
	bool (*admit)(const struct call *c, struct upload_check *check, struct reply *refused);
};

struct route {
	enum method method;
	const char *path;
	enum access access;
	enum scope scope; /* the least that a token needs */
	enum effect effect;
	enum body body;
	struct reply (*handle)(const struct call *c);
	int rate; /* enum rate_class (auth/rates.h) besides RATE_REQUEST; 0: none */
	const struct upload_rule *upload;
};

#endif
