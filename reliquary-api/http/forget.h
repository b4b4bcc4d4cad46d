/* SPDX-License-Identifier: ISC */
/* Secrets in memory that libraries own: wiped before it goes back to the heap. */
#ifndef RELIQUARY_API_HTTP_FORGET_H
#define RELIQUARY_API_HTTP_FORGET_H

#include <jansson.h>

/*
 * Gives json back like json_decref(), and when that was the last reference wipes the texts in it
 * first; NULL is fine.
 */
void forget_json(json_t *json);

/* Wipes and frees; NULL is fine. */
void forget_text(char *text);

#endif
