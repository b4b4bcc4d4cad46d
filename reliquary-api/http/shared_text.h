/* SPDX-License-Identifier: ISC */
/* An answer's text that many answers hold at the same time; the last one that lets go frees it. */
#ifndef RELIQUARY_API_HTTP_SHARED_TEXT_H
#define RELIQUARY_API_HTTP_SHARED_TEXT_H

#include "reliquary-api/http/json_text.h"

#include <stddef.h>

struct shared_text;

/* Takes t over and ends it; held by the caller.  NULL: no memory. */
struct shared_text *shared_text_make(struct json_text *t);

struct shared_text *shared_text_hold(struct shared_text *s);
void shared_text_release(struct shared_text *s); /* wiped at last if secret; NULL is fine */

const char *shared_text_bytes(const struct shared_text *s);
size_t shared_text_len(const struct shared_text *s);
bool shared_text_secret(const struct shared_text *s);

#endif
