/* SPDX-License-Identifier: ISC */
/*
 * What somebody knows, drawn as a JSON document that can be held against another: by a cathedral
 * itself (its control socket), or by hand from plain records.  Keys and slices are in it as
 * fingerprints.  A flock without devices and without ambries is left out, with its xflocks: whether
 * a cathedral was ever told of it makes no difference to anybody.  Running out of memory fails the
 * running test.
 */
#ifndef TESTS_SUPPORT_PORTRAIT_H
#define TESTS_SUPPORT_PORTRAIT_H

#include "base/fault.h"
#include "tests/support/known.h"

#include <jansson.h>

/* "flocks": every flock as `flock ID` tells it, "listed": as `flocks` does; "peers", without own.
 */
json_t *portrait_of_known(const struct known *k, const struct endpoint *own);

/* The same, asked of a cathedral; NULL with the reason when it does not answer. */
json_t *portrait_of_cathedral(const char *socket, struct fault *why);

/* All cathedrals with all there is about them. */
json_t *portrait_of_fleet(const struct known *k);

/* Where got is other than want, a line each, at most so many; returns how many there are. */
unsigned portrait_differs(const char *about, json_t *want, json_t *got, unsigned most);

#endif
