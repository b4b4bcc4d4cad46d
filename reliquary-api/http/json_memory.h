/* SPDX-License-Identifier: ISC */
/*
 * Whether Jansson got the memory that it wanted.  It does not always say: a text that it has no
 * room for comes out shorter, or makes what was read look malformed.
 */
#ifndef RELIQUARY_API_HTTP_JSON_MEMORY_H
#define RELIQUARY_API_HTTP_JSON_MEMORY_H

#include <stdbool.h>

/* From here on it is noticed.  Before other threads use Jansson; more than once is fine. */
void json_memory_watch(void);

/* The calling thread begins anew; and did it get all since then? */
void json_memory_begin(void);
bool json_memory_sufficed(void);

#endif
