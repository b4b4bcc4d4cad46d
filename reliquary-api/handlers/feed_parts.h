/* SPDX-License-Identifier: ISC */
/* What cathedrals are told of one flock, one xflock, and the fleet: their whole state as JSON. */
#ifndef RELIQUARY_API_HANDLERS_FEED_PARTS_H
#define RELIQUARY_API_HANDLERS_FEED_PARTS_H

#include "reliquary-api/handlers/handler.h"

/* How it goes while parts are made. */
struct feed_work {
	const struct call *c;
	enum store_result result; /* STORE_OK until something fails; STORE_BUSY: look again */
	size_t bytes;             /* about how long all of them are as text */
	bool lost;                /* something was left out that may come back without a change */
	bool secret;              /* one of them holds a device's secret */
};

/* Appends value, which is taken over: wiped when that fails, or when there is no value. */
bool feed_append(json_t *array, json_t *value);

/* Each NULL, with the result set, when it failed. */
json_t *feed_flock_json(struct feed_work *w, struct flock_id flock);
json_t *feed_xflock_json(struct feed_work *w, struct flock_id a, struct flock_id b);
json_t *feed_fleet_json(struct feed_work *w);

#endif
