/* SPDX-License-Identifier: ISC */
/*
 * The real program reliquary-api as a child of a bench, without limits of rate; and what stands
 * beside it for comparison: servers of the same HTTP library that do nothing else.
 */
#ifndef TESTS_SUPPORT_SERVED_H
#define TESTS_SUPPORT_SERVED_H

#include "tests/support/children.h"

#define SERVED_POOL (9 << 10) /* memory of a connection, as the service has it */

struct served {
	struct child child;
	struct endpoint admin;
};

struct served_options {
	const char *folder; /* of its data, and its log */
	enum child_place place;
	unsigned threads;         /* 0: as many as CPUs */
	const char *idle_timeout; /* NULL: the usual ones */
	const char *body_timeout;
};

struct served served_start(const struct served_options *o);
void served_end(struct served *s);

/* A number of /metrics; the name with its labels. */
double served_metric(const struct served *s, const char *name);

/* Each with one thread; for child_function(). */
void bare_answer(const struct endpoint *at);  /* 200 bytes, always the same */
void bare_receive(const struct endpoint *at); /* a body into a file here, and fsync */

/* The folder that bare_receive() writes to: before it is started. */
extern const char *bare_folder;

#endif
