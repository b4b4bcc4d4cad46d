/* SPDX-License-Identifier: ISC */
/*
 * Words that are looked for in whatever a program left behind: as they are, in capitals, or as the
 * bytes that their hexadecimal digits stand for.  Of long ones the first or the last half of 128
 * bits is enough, so that what was cut off is found, too.  What fails here fails the running test.
 */
#ifndef TESTS_SUPPORT_WORDS_H
#define TESTS_SUPPORT_WORDS_H

#include <stddef.h>

struct words;

struct words *words_create(void);
void words_destroy(struct words *w);

/* Twice the same is once. */
void words_add(struct words *w, const char *text);

size_t words_count(const struct words *w);
const char *words_at(const struct words *w, size_t n);

/* The first one in data, NULL without; how many of them are in it. */
const char *words_in(const struct words *w, const void *data, size_t len);
size_t words_count_in(const struct words *w, const void *data, size_t len);

#endif
