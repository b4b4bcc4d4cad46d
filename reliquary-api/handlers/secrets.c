/* SPDX-License-Identifier: ISC */
#include "reliquary-api/handlers/secrets.h"

#include "base/hex.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/handlers/common.h"

#include <stdio.h>
#include <string.h>

#define DAY_S 86400

#define SECRET_TEXT (2 * sizeof(struct cathedral_secret) + 1)
#define PLACE_TEXT  (STORE_LABEL + sizeof("device "))

_Static_assert(DEVICE_SEALED == sizeof(struct cathedral_secret) + VAULT_SEAL_EXTRA,
    "a sealed secret is as long as the store thinks");
_Static_assert(sizeof(struct hash32) == sizeof(struct secret_hash), "hashes are hashes");

struct hash32
text_hash(const struct call *c, enum secret_kind kind, const char *text)
{
	struct secret_hash made = vault_hash(c->site->vault, kind, text, strlen(text));
	struct hash32 ret;

	memcpy(ret.bytes, made.bytes, sizeof(ret.bytes));
	return ret;
}

enum store_result
token_issue(const struct call *c, struct account_id account, const struct token *wish,
    bool make_room, struct token_made *ret)
{
	uint32_t most = (uint32_t)c->site->settings->tokens_most;
	enum store_result result = STORE_CONFLICT;

	ret->row = *wish;
	ret->row.created = c->now.wall_s;
	ret->row.used_day = c->now.wall_s / DAY_S;
	for (int i = 0; result == STORE_CONFLICT && i < DRAW_TRIES; i++) {
		struct hash32 hash;

		token_new(ret->value, sizeof(ret->value) / 2, c->random);
		hash = text_hash(c, SECRET_TOKEN, ret->value);
		ret->row.id = id64_draw(c->random);
		result = token_create(c->store, account, &ret->row, &hash, most, make_room);
	}
	return result;
}

/* The row that a sealed secret belongs to.  A join and the device that it becomes are one row. */
static void
device_place_text(struct flock_id flock, struct device_id device, char out[static PLACE_TEXT])
{
	char subject[STORE_LABEL];

	device_subject(flock, device, subject);
	snprintf(out, PLACE_TEXT, "device %s", subject);
}

void
device_seal(const struct call *c, struct flock_id flock, struct device_id device,
    const struct cathedral_secret *secret, uint8_t out[static DEVICE_SEALED])
{
	char place[PLACE_TEXT];

	device_place_text(flock, device, place);
	vault_seal(c->site->vault, place, secret->bytes, sizeof(secret->bytes), out, c->random);
}

bool
device_unseal(const struct vault *v, struct flock_id flock, struct device_id device,
    const uint8_t sealed[static DEVICE_SEALED], struct cathedral_secret *ret)
{
	char place[PLACE_TEXT];

	device_place_text(flock, device, place);
	return vault_open_sealed(v, place, sealed, DEVICE_SEALED, ret->bytes);
}

json_t *
device_credentials(
    struct flock_id flock, struct device_id device, const struct cathedral_secret *secret)
{
	char id[DEVICE_TEXT], in[ID64_TEXT], text[SECRET_TEXT];
	json_t *ret;

	device_text(device, id);
	id64_text(flock.value, in);
	hex_encode(text, secret->bytes, sizeof(secret->bytes));
	ret =
	    json_pack("{s:s, s:s, s:s}", "cathedral_id", id, "cathedral_secret", text, "flock", in);
	secret_wipe(text, sizeof(text));
	return ret;
}
