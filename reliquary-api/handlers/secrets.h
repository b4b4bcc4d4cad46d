/* SPDX-License-Identifier: ISC */
/* Secrets that handlers make and show once: tokens, and what devices share with cathedrals. */
#ifndef RELIQUARY_API_HANDLERS_SECRETS_H
#define RELIQUARY_API_HANDLERS_SECRETS_H

#include "base/keys.h"
#include "reliquary-api/auth/token.h"
#include "reliquary-api/handlers/handler.h"
#include "reliquary-api/store/devices.h"

/* The hash under which the store knows a secret's text. */
struct hash32 text_hash(const struct call *c, enum secret_kind kind, const char *text);

struct token_made {
	char value[TOKEN_TEXT]; /* the caller wipes it */
	struct token row;
};

/* A token of account as wish says (label, scope, expires); STORE_FULL as token_create(). */
enum store_result token_issue(const struct call *c, struct account_id account,
    const struct token *wish, bool make_room, struct token_made *ret);

/* Seals a device's cathedral secret for its row, and opens it again. */
void device_seal(const struct call *c, struct flock_id flock, struct device_id device,
    const struct cathedral_secret *secret, uint8_t out[static DEVICE_SEALED]);
bool device_unseal(const struct vault *v, struct flock_id flock, struct device_id device,
    const uint8_t sealed[static DEVICE_SEALED], struct cathedral_secret *ret);

/* {cathedral_id, cathedral_secret, flock}: for reply_secret(). */
json_t *device_credentials(
    struct flock_id flock, struct device_id device, const struct cathedral_secret *secret);

#endif
