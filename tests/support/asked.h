/* SPDX-License-Identifier: ISC */
/* What a session asks its database, and what that costs: for tests that look behind the store. */
#ifndef TESTS_SUPPORT_ASKED_H
#define TESTS_SUPPORT_ASKED_H

#include "reliquary-api/store/store.h"

#define ASKED_MOST 64

struct asked {
	struct {
		const char *sql; /* lives as long as the session */
		int steps;       /* of the engine's machine */
	} statements[ASKED_MOST];
	size_t count;
	int pages; /* that were looked at */
};

/* Between the two everything is written down but what begins and ends transactions and steps. */
void asked_begin(struct session *s, struct asked *a);
void asked_end(struct session *s, struct asked *a);

/* The same statements, at the same cost. */
bool asked_alike(const struct asked *a, const struct asked *b);

/* How the engine goes about a statement, lines; freed by the caller. */
char *plan_of(struct session *s, const char *sql);

/* Each statement that the session has prepared, but those for transactions and steps. */
void prepared_each(struct session *s, void (*each)(void *arg, const char *sql), void *arg);

#endif
