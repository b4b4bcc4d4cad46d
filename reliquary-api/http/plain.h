/* SPDX-License-Identifier: ISC */
/*
 * Text of strangers that will be shown to people.  Plain means UTF-8 without what would falsify a
 * terminal or a log: no control characters (C0, DEL, C1), no line or paragraph separators, nothing
 * that turns the direction of the text around.
 */
#ifndef RELIQUARY_API_HTTP_PLAIN_H
#define RELIQUARY_API_HTTP_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

bool plain_is(const char *text, size_t len);

/* Puts '?' in the place of every byte that is not plain. */
void plain_make(char *text);

/* Cuts text to at most max bytes, between two characters; text is UTF-8. */
void plain_cut(char *text, size_t max);

#endif
