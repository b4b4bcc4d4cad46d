/* SPDX-License-Identifier: ISC */
/*
 * A page of the feed (docs/api.md, "The feed"), looked at in every part before any of it counts:
 * the service is trusted to say who may do what, but not to be free of errors, nor to be itself.
 */
#ifndef CATHEDRAL_SYNC_DOCUMENT_H
#define CATHEDRAL_SYNC_DOCUMENT_H

#include "base/fault.h"
#include "registry/records.h"

#include <jansson.h>

#define DOCUMENT_DATABASE     65
#define DOCUMENT_SUBJECTS_MAX 100000 /* of each kind */
#define DOCUMENT_FLEET_MAX    4096

struct flock_pair {
	struct flock_id a, b; /* a is the lower */
};

struct document {
	char database[DOCUMENT_DATABASE]; /* whose numbers these are */
	uint64_t since, until;
	bool reset; /* the first page of all there is */
	bool more;
	bool has_fleet; /* it changed */
	struct record_cathedral *fleet;
	size_t fleet_count;
	struct record_flock *flocks;
	size_t flock_count;
	struct record_xflock *xflocks;
	size_t xflock_count;
	struct flock_id *flocks_gone;
	size_t flock_gone_count;
	struct flock_pair *xflocks_gone;
	size_t xflock_gone_count;
};

/*
 * Members that are not known are left alone.  False with where and what is wrong
 * ("flocks[3].devices[0].cosk: not 64 hex digits"); ret is to be freed in either case.
 */
bool document_read(struct document *ret, const json_t *page, struct fault *why);
void document_free(struct document *d);

#endif
