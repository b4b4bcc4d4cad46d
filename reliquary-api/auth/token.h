/* SPDX-License-Identifier: ISC */
/* The secrets that people hold, as text: what they look like, and how new ones are made. */
#ifndef RELIQUARY_API_AUTH_TOKEN_H
#define RELIQUARY_API_AUTH_TOKEN_H

#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>

#define ACCOUNT_KEY_TEXT 65 /* 64 hex digits and a NUL */
#define TOKEN_TEXT       33 /* 32 hex digits: tokens of accounts and cathedrals */
#define ENROLMENT_TEXT   33
#define SHARE_ID_TEXT    17

/* count random bytes as 2 * count hex digits and a NUL. */
void token_new(char *out, size_t count, struct random *random);

/* Exactly digits lower-case hex digits? */
bool token_plausible(const char *text, size_t digits);

#endif
