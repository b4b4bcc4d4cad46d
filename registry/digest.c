/* SPDX-License-Identifier: ISC */
/* Records as bytes, the same for the same content. */
#include "base/hex.h"
#include "protocol/crypto/secret.h"
#include "protocol/wire/cursor.h"
#include "registry/parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What a hash is of. */
enum digest_kind { DIGEST_SLICE = 1, DIGEST_FLOCK, DIGEST_XFLOCK, DIGEST_CATHEDRAL };

#define XFLOCK_PACKED    (8 + 8 + 2 * KEK_SET_SIZE + VAULT_HASH_SIZE)
#define CATHEDRAL_PACKED (VAULT_HASH_SIZE + 2 * RECORD_NAME + 16 + 2 + 2 + 1)

static void
put_keks(struct writer *w, const struct kek_set *set)
{
	for (size_t i = 0; i < 4; i++)
		writer_be64(w, set->bits[i]);
}

void
registry_keks_pack(uint8_t out[static KEK_SET_SIZE], const struct kek_set *set)
{
	struct writer w = writer_over(out, KEK_SET_SIZE);

	put_keks(&w, set);
}

void
registry_keks_unpack(struct kek_set *ret, const uint8_t in[static KEK_SET_SIZE])
{
	struct cursor c = cursor_over(in, KEK_SET_SIZE);

	for (size_t i = 0; i < 4; i++)
		ret->bits[i] = cursor_be64(&c);
}

void
registry_device_place(char out[static DEVICE_PLACE], struct flock_id flock, struct device_id device)
{
	snprintf(out, DEVICE_PLACE, "device %016" PRIx64 " %08" PRIx32 " secret", flock.value,
	    device.value);
}

static void
put_slice(struct writer *w, struct registry_db *db, const struct record_slice *s)
{
	struct secret_hash hash = vault_hash(db->vault, DIGEST_SLICE, s->bytes, s->len);

	writer_put(w, hash.bytes, sizeof(hash.bytes));
}

static void
put_device(struct writer *w, const struct record_device *d)
{
	writer_u8(w, d->kek);
	writer_be32(w, d->id.value);
	writer_be32(w, d->mbit);
	writer_put(w, d->cs.bytes, sizeof(d->cs.bytes));
	writer_put(w, d->cosk.bytes, sizeof(d->cosk.bytes));
}

struct secret_hash
registry_digest_flock(struct registry_db *db, const struct record_flock *f)
{
	const struct record_device *by_kek[KEK_NUMBER_MAX + 1] = { NULL };
	uint8_t *packed = db->scratch->packed;
	struct writer w = writer_over(packed, FLOCK_PACKED);
	struct secret_hash ret;

	for (size_t i = 0; i < f->device_count; i++)
		by_kek[f->devices[i].kek] = &f->devices[i];
	writer_be64(&w, f->id.value);
	writer_be16(&w, (uint16_t)f->device_count);
	for (size_t kek = 0; kek <= KEK_NUMBER_MAX; kek++) {
		if (by_kek[kek] != NULL)
			put_device(&w, by_kek[kek]);
	}
	put_keks(&w, &f->slice.in_a);
	put_slice(&w, db, &f->slice);
	assert(!w.failed);
	ret = vault_hash(db->vault, DIGEST_FLOCK, packed, (size_t)(w.at - packed));
	secret_wipe(packed, FLOCK_PACKED);
	return ret;
}

struct secret_hash
registry_digest_xflock(struct registry_db *db, const struct record_xflock *x)
{
	uint8_t packed[XFLOCK_PACKED];
	struct writer w = writer_over(packed, sizeof(packed));

	writer_be64(&w, x->a.value);
	writer_be64(&w, x->b.value);
	put_keks(&w, &x->slice.in_a);
	put_keks(&w, &x->slice.in_b);
	put_slice(&w, db, &x->slice);
	assert(!w.failed && w.left == 0);
	return vault_hash(db->vault, DIGEST_XFLOCK, packed, sizeof(packed));
}

/* A text with zeros up to its end. */
static void
put_name(struct writer *w, const char name[static RECORD_NAME])
{
	char field[RECORD_NAME] = "";

	snprintf(field, sizeof(field), "%s", name);
	writer_put(w, field, sizeof(field));
}

/* Each goes with the digest of those before it. */
struct secret_hash
registry_digest_fleet(struct registry_db *db, const struct record_cathedral *fleet, size_t count)
{
	struct secret_hash ret = { { 0 } };

	for (size_t i = 0; i < count; i++) {
		const struct record_cathedral *c = &fleet[i];
		uint8_t packed[CATHEDRAL_PACKED];
		struct writer w = writer_over(packed, sizeof(packed));

		writer_put(&w, ret.bytes, sizeof(ret.bytes));
		put_name(&w, c->name);
		put_name(&w, c->region);
		writer_put(&w, c->at.ip, sizeof(c->at.ip));
		writer_be16(&w, c->at.port);
		writer_be16(&w, c->nat_port);
		writer_u8(&w, (uint8_t)(c->shroud | c->draining << 1));
		assert(!w.failed && w.left == 0);
		ret = vault_hash(db->vault, DIGEST_CATHEDRAL, packed, sizeof(packed));
	}
	return ret;
}

char *
registry_digest_text(char out[static DIGEST_TEXT], const struct secret_hash *digest)
{
	return hex_encode(out, digest->bytes, sizeof(digest->bytes));
}
