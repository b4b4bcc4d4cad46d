/* SPDX-License-Identifier: ISC */
#include "tests/support/answer.h"

#include "protocol/crypto/shroud.h"
#include "protocol/envelope.h"

#include <string.h>

static void
shroud(struct answer *a, const struct device *d, enum device_shroud which, struct random *r)
{
	size_t zeros = shroud_padding(r, a->len, d->config.mtu);
	struct kmac_prefix mask;
	struct shroud_key key;
	struct kmac_job job;

	memmove(a->bytes + SHROUD_HEADER_SIZE, a->bytes, a->len);
	random_bytes(r, a->bytes, SHROUD_HEADER_SIZE);
	a->bytes[SHROUD_HEADER_SIZE + a->len] = 0xff;
	memset(a->bytes + SHROUD_HEADER_SIZE + a->len + 1, 0, zeros);

	shroud_key_device(&key, &d->keys.cs, d->config.flock,
	    which == DEVICE_SHROUD_PAIR ? d->config.flock_dst : d->config.flock);
	shroud_mask_prefix(&mask, &key);
	job = shroud_job(&mask, a->bytes, a->bytes + SHROUD_HEADER_SIZE, a->len + 1 + zeros);
	kmac_mask(&job, 1);
	a->len += SHROUD_HEADER_SIZE + 1 + zeros;
}

void
answer_offer(struct answer *ret, const struct device *d, enum device_shroud which,
    const struct offer *o, struct random *r)
{
	struct offer_header h = {
		.magic = MAGIC_KATEDRAL,
		.flock_src = { random_u64(r) },
		.flock_dst = { random_u64(r) },
		.spi = d->config.id.value,
	};
	struct offer_key key;
	struct envelope e;

	random_bytes(r, h.seed, sizeof(h.seed));
	offer_key_device(&key, &d->keys.cs, h.seed, d->config.flock);
	envelope_unsigned(&e, o, r);
	envelope_seal(ret->bytes, &h, &e, &key);
	ret->len = OFFER_SIZE;
	if (d->config.shroud)
		shroud(ret, d, which, r);
}

void
answer_relay(
    struct answer *ret, const struct device *d, const uint8_t *packet, size_t len, struct random *r)
{
	memcpy(ret->bytes, packet, len);
	ret->len = len;
	if (d->config.shroud)
		shroud(ret, d, DEVICE_SHROUD_PAIR, r);
}

bool
answer_unshroud(struct answer *ret, const struct device *d, enum device_shroud which,
    const struct device_packet *sent)
{
	const struct device_config *c = &d->config;
	struct flock_id other = which == DEVICE_SHROUD_PAIR ? c->flock_dst : c->flock;
	uint8_t identity[SHROUD_IDENTITY_SIZE];
	struct kmac_prefix prefix;
	struct shroud_key key;
	struct kmac_job job;

	ret->len = sent->len;
	memcpy(ret->bytes, sent->bytes, sent->len);
	if (!c->shroud)
		return true;
	shroud_identity_prefix(&prefix, c->flock, other, c->id);
	shroud_identity(identity, &prefix, sent->bytes + SHROUD_SEED_ID_AT);
	if (memcmp(identity, sent->bytes, sizeof(identity)) != 0)
		return false;

	shroud_key_device(&key, &d->keys.cs, c->flock, other);
	shroud_mask_prefix(&prefix, &key);
	ret->len -= SHROUD_HEADER_SIZE;
	job = shroud_job(&prefix, sent->bytes, ret->bytes + SHROUD_HEADER_SIZE, ret->len);
	kmac_mask(&job, 1);
	memmove(ret->bytes, ret->bytes + SHROUD_HEADER_SIZE, ret->len);
	ret->len = shroud_unpadded(ret->bytes, ret->len);
	return true;
}
