/* SPDX-License-Identifier: ISC */
/*
 * What a cathedral has to know, as plain values: what the service tells (tools/cathedral-sync),
 * what registry.db holds, and what the daemon makes its registry of.
 */
#ifndef REGISTRY_RECORDS_H
#define REGISTRY_RECORDS_H

#include "base/endpoint.h"
#include "base/ids.h"
#include "base/keys.h"
#include "protocol/wire/bundle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_DATABASE 65
#define RECORD_NAME     33 /* of a cathedral, and of a region, with a NUL */

struct record_device {
	struct device_id id;
	uint8_t kek;
	uint32_t mbit; /* 0: unlimited */
	struct cathedral_secret cs;
	struct cosk_public cosk;
};

/* A slice of a bundle (protocol/wire/bundle.h); len is 0 when there is none. */
struct record_slice {
	uint8_t *bytes;
	size_t len;
	struct kek_set in_a, in_b; /* between these it is; equal within one flock */
};

struct record_flock {
	struct flock_id id;
	struct record_device *devices;
	size_t device_count;
	struct record_slice slice;
};

struct record_xflock {
	struct flock_id a, b; /* a is the lower */
	struct record_slice slice;
};

struct record_cathedral {
	char name[RECORD_NAME], region[RECORD_NAME];
	struct endpoint at;
	uint16_t nat_port; /* 0: none */
	bool shroud, draining;
};

struct flock_pair {
	struct flock_id a, b; /* a is the lower */
};

/* What changed after a number of the service's: of each subject its whole state. */
struct record_page {
	char database[RECORD_DATABASE]; /* whose numbers these are */
	uint64_t since, until;
	uint64_t begun; /* to be said with the next request while there is more */
	bool reset; /* the first page of all there is: what does not come up until there is no more,
		       is gone */
	bool more;
	bool has_fleet; /* it changed: these are all */
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

/* Frees what the record owns, and wipes its secrets. */
void record_flock_free(struct record_flock *f);
void record_xflock_free(struct record_xflock *x);
void record_page_free(struct record_page *p);

#endif
