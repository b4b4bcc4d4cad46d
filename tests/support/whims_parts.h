/* SPDX-License-Identifier: ISC */
/* For whims.c, which asks and remembers, and whims_deeds.c, which knows what can be done. */
#ifndef TESTS_SUPPORT_WHIMS_PARTS_H
#define TESTS_SUPPORT_WHIMS_PARTS_H

#include "tests/support/api.h"
#include "tests/support/bundles.h"
#include "tests/support/whims.h"

#define TENANTS_MOST    512 /* all that ever were */
#define TENANTS_AT_ONCE 5
#define PROMISES_MOST   16384
#define WORD            40

enum outcome { NOTHING_TO_DO, DONE, REFUSED, UNANSWERED, OUTCOMES };

struct whim {
	const char *name;
	enum outcome (*run)(struct whims *w, struct truth *t);
	unsigned often; /* of all together */
};

extern const struct whim whim_kinds[];
extern const size_t whim_count;

/* What is promised of a subject: the text that a statement finds, "" for no row. */
enum promise_kind { OF_ACCOUNT, OF_FLOCK, OF_DEVICE, OF_CAP, OF_AMBRY, OF_CONSENT, OF_FLEET };

struct promise {
	enum promise_kind kind;
	char a[WORD], b[WORD], says[WORD];
};

struct whims {
	struct random random;
	struct endpoint at;
	const char *data, *log;
	bool doomed;
	size_t last; /* kind */
	struct {
		char share_id[17], token[33];
	} tenants[TENANTS_MOST];
	size_t tenant_count;
	struct promise promises[PROMISES_MOST];
	size_t promise_count;
	unsigned counts[64][OUTCOMES];
	struct made_bundle bundle; /* of whatever flock */
};

/* Up to three columns of one of the rows that a statement finds, each as likely. */
struct picked {
	char words[3][WORD];
};

bool whims_pick(struct whims *w, struct truth *t, const char *sql, struct picked *ret);

/* NULL: nobody heard it. */
const char *whims_token(const struct whims *w, const char *share_id);

/* Asks; *got is to be freed.  Answers that must not be fail the test. */
enum outcome whims_ask(struct whims *w, const struct ask *a, struct got *got);

/* Done: it is so.  Unanswered: nobody knows.  Otherwise it is as it was. */
void whims_settle(struct whims *w, enum outcome outcome, const struct promise *p);

/* Whatever was promised of it, or of what is between it and others. */
void whims_forget(struct whims *w, const char *flock);
void whims_forget_one(struct whims *w, enum promise_kind kind, const char *a, const char *b);
void whims_forget_kind(struct whims *w, enum promise_kind kind);

/* A command that must end well. */
void whims_must(struct whims *w, const char *const *words, size_t count);

#endif
