/* SPDX-License-Identifier: ISC */
/*
 * Places for uploads that come in at the same time.  One account gets a quarter of them at most,
 * and a second one only while half are free: who sends slowly must not keep everybody else waiting.
 */
#ifndef RELIQUARY_API_SERVICE_BERTHS_H
#define RELIQUARY_API_SERVICE_BERTHS_H

#include "reliquary-api/store/accounts.h"

#include <stdbool.h>

struct berths;

struct berths *berths_create(unsigned count); /* NULL: no memory */
void berths_destroy(struct berths *b);        /* NULL is fine */

/* Any thread; false when there is none for this account now. */
bool berths_take(struct berths *b, struct account_id account);
void berths_leave(struct berths *b, struct account_id account);

#endif
