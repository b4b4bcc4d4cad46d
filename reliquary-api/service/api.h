/* SPDX-License-Identifier: ISC */
/*
 * A request's way: rate -> route -> who -> (body) -> handler -> store -> reply.  Reads run where
 * the request came in, with a reader's session.  Writes are handed to the writer, which runs many
 * of them in one transaction; uploads wait for the disk on a thread of their own before that.
 */
#ifndef RELIQUARY_API_SERVICE_API_H
#define RELIQUARY_API_SERVICE_API_H

#include "base/clock.h"
#include "base/fault.h"
#include "base/random.h"
#include "reliquary-api/auth/rates.h"
#include "reliquary-api/handlers/handler.h"
#include "reliquary-api/http/server.h"
#include "reliquary-api/service/counts.h"

#include <stdbool.h>
#include <stdint.h>

struct api_options {
	const struct route *routes;
	const struct site *site;
	struct store *store;
	const char *bundles;  /* folder */
	unsigned readers;     /* sessions: at least as many as the server has threads */
	unsigned queue_max;   /* writes that may wait; more are told to come later */
	unsigned group_max;   /* writes in one transaction */
	unsigned uploads_max; /* that are received at the same time */
	struct rate rates[RATE_COUNT];
	uint64_t joins_total; /* above it joins to no flock go first */
	uint64_t account_grace_s, event_s;
	uint64_t disk_free_min; /* bytes; below it uploads are refused and /readyz says no */
	unsigned upkeep_every_s;
	struct instant (*clock)(void);
};

struct api;

/* Threads run from here on. */
struct api *api_create(const struct api_options *o, struct random *random, struct fault *why);

/* For server_create(); the arg is the api. */
extern const struct server_calls api_calls;

/* From now on requests get a 503; those that have begun are finished, writes that wait as well. */
void api_drain(struct api *s);

/* After the server is gone. */
void api_destroy(struct api *s);

/* Lets the background work run now, and waits until it did: for tests and at the end. */
void api_upkeep_now(struct api *s);

struct counts *api_counts(struct api *s);

/* Can it do its work?  The store took a write lately, and there is room on the disk. */
bool api_ready(struct api *s, struct fault *why);

#endif
