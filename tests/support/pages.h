/* SPDX-License-Identifier: ISC */
/* Pages of the feed as records, for tests of what keeps them.  What fails fails the running test.
 */
#ifndef TESTS_SUPPORT_PAGES_H
#define TESTS_SUPPORT_PAGES_H

#include "base/random.h"
#include "registry/records.h"

/* Of database "one", with nothing in it.  record_page_free() frees it. */
struct record_page page_from(uint64_t since, uint64_t until);
/* The first and only one of all there is. */
struct record_page page_reset(uint64_t until);

/*
 * A flock with devices of KEK numbers 1, 2, …, and everything else of it by what: the same for the
 * same.  A slice of a few bytes, none when what is a multiple of 5.
 */
struct record_flock *page_add_flock(
    struct record_page *p, uint64_t id, unsigned devices, unsigned what);
struct record_xflock *page_add_xflock(struct record_page *p, uint64_t a, uint64_t b, unsigned what);
void page_add_flock_gone(struct record_page *p, uint64_t id);
void page_add_xflock_gone(struct record_page *p, uint64_t a, uint64_t b);
/* The fleet is what is added. */
struct record_cathedral *page_add_cathedral(struct record_page *p, const char *name, unsigned what);

/* A device's secret as page_add_flock() makes it. */
struct cathedral_secret page_secret(uint64_t flock, unsigned kek, unsigned what);

#endif
