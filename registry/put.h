/* SPDX-License-Identifier: ISC */
/* A page on its way into registry.db, in one transaction.  Steps return false with the reason. */
#ifndef REGISTRY_PUT_H
#define REGISTRY_PUT_H

#include "registry/parts.h"

struct put {
	struct registry_db *db;
	struct session *session;
	struct random *random;
	struct fault *why;
	uint64_t version; /* of what changes in it */
	uint64_t sweep;   /* of what comes up in it */
	bool changed;     /* something did */
	bool gone;        /* something went */
};

/* That went well, whether there was a row or not. */
bool put_went(struct put *p, enum store_result result);
/* The same; where there was a row, something changed. */
bool put_changed(struct put *p, enum store_result result);

bool put_fleet(struct put *p, const struct record_cathedral *fleet, size_t count);
bool put_xflock_gone(struct put *p, struct flock_pair pair);
/* With all xflocks that it is in. */
bool put_flock_gone(struct put *p, struct flock_id flock);
/* All there is has been told: what did not come up is gone. */
bool put_sweep(struct put *p);
/* Keeps what went within bounds. */
bool put_forget(struct put *p);

/* What no page may say, whoever wrote it: names that are there twice, sizes beyond all bounds. */
bool page_check(const struct record_page *page, struct fault *why);

#endif
