/* SPDX-License-Identifier: ISC */
#include "tests/support/crowd.h"

#include "protocol/crypto/kdf.h"
#include "protocol/crypto/sign.h"
#include "protocol/wire/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST  1
#define SECOND 2

/* What each end listens to: its tunnel, and 7. */
#define SPI_OF(tunnel) ((uint32_t)(tunnel).value << 16 | 7)

static void *
have(void *at)
{
	if (at == NULL) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return at;
}

struct flock_id
crowd_flock(size_t n, uint8_t domain)
{
	return (struct flock_id){ UINT64_C(0xc0) << 56 | (n + 1) << 8 | domain };
}

struct cathedral_secret
crowd_secret(size_t flock, uint32_t device)
{
	struct cathedral_secret cs = { { 0xc5 } };

	memcpy(cs.bytes + 8, &flock, sizeof(flock));
	memcpy(cs.bytes + 16, &device, sizeof(device));
	return cs;
}

/* One pair of signing keys for all of them: what is signed is not what differs. */
static void
keys_to_sign(struct cosk_secret *secret, struct cosk_public *public)
{
	static const uint8_t seed[32] = { 0xed };

	sign_key_pair(secret, public, seed);
}

struct device_keys
crowd_keys(size_t flock, uint32_t device)
{
	struct device_keys keys = { .cs = crowd_secret(flock, device) };
	struct cosk_public public;

	keys_to_sign(&keys.cosk, &public);
	return keys;
}

void
crowd_join(struct registry *r, size_t flocks, unsigned devices)
{
	struct registry_spec_device specs[KEK_NUMBER_MAX];
	struct cosk_secret secret;
	struct cosk_public public;

	keys_to_sign(&secret, &public);
	memset(specs, 0, sizeof(specs));
	for (size_t n = 0; n < flocks; n++) {
		struct registry_flock *f;

		for (unsigned d = 0; d < devices; d++) {
			specs[d].id.value = d + 1;
			specs[d].kek_number = (uint8_t)(d + 1);
			specs[d].cs = crowd_secret(n, d + 1);
			specs[d].cosk = public;
		}
		f = have(registry_flock_create(crowd_flock(n, 0), specs, devices));
		have(registry_put_flock(r, f) ? f : NULL);
	}
}

struct registry *
crowd_registry(size_t flocks, unsigned devices, struct random *r)
{
	struct registry *registry = have(registry_empty(hash_key_new(r)));

	crowd_join(registry, flocks, devices);
	return registry;
}

struct place {
	struct endpoint at;
	uint8_t listener;
};

static void
arrive(struct tunnel *t, bool created, void *arg)
{
	const struct place *place = arg;

	(void)created;
	t->at = place->at;
	t->listener = place->listener;
	t->rx_active = SPI_OF((struct tunnel_id){ t->key.id });
	t->proven = true;
}

static void
know(struct site *site, struct flock_id flock, uint8_t own, struct place place, uint64_t now_ns)
{
	struct tunnel_key key =
	    tunnel_key(flock, flock, tunnel_between(own, own == FIRST ? SECOND : FIRST));

	if (tunnels_change(site->tunnels, &key, (struct device_id){ own }, true, now_ns, arrive,
		&place) != TUNNELS_OK) {
		fputs("no room for the crowd's tunnels\n", stderr);
		abort();
	}
}

struct endpoint
crowd_second_at(const struct crowd_places *places, size_t flock)
{
	const uint8_t ip[4] = { 127, (uint8_t)(1 + (flock >> 16)), (uint8_t)(flock >> 8),
		(uint8_t)flock };

	return places->apart ? endpoint_from_ipv4(ip, places->second.port) : places->second;
}

void
crowd_meet(struct site *site, size_t flocks, const struct crowd_places *places, uint64_t now_ns)
{
	for (size_t n = 0; n < flocks; n++) {
		for (uint8_t listener = 0; listener < 2; listener++) {
			struct flock_id flock = crowd_flock(n, listener);

			know(site, flock, FIRST, (struct place){ places->first, listener }, now_ns);
			know(site, flock, SECOND,
			    (struct place){ crowd_second_at(places, n), listener }, now_ns);
		}
	}
}

/* Puts a shroud around the len bytes at out + SHROUD_HEADER_SIZE. */
static size_t
put_shroud(uint8_t *out, const struct crowd_packet *what, struct site *site, struct instant now,
    struct random *r)
{
	struct flock_id base = crowd_flock(what->flock, 0);
	struct identity who = { base, base, { FIRST }, 0 };
	const struct endpoint from = endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, 1 }, 1);
	struct cathedral_secret cs = crowd_secret(what->flock, FIRST);
	uint8_t *body = out + SHROUD_HEADER_SIZE;
	struct kmac_prefix prefix;
	struct shroud_key key;
	struct kmac_job job;

	random_bytes(r, out, SHROUD_HEADER_SIZE);
	shroud_identity_prefix(&prefix, base, base, who.device);
	shroud_identity(out, &prefix, out + SHROUD_SEED_ID_AT);
	identities_prove(site->identities, out, &who, &from, now.mono_ns);
	body[what->len] = 0xff;
	shroud_key_device(&key, &cs, base, base);
	shroud_mask_prefix(&prefix, &key);
	job = shroud_job(&prefix, out, body, what->len + 1);
	kmac_mask(&job, 1);
	return SHROUD_HEADER_SIZE + what->len + 1;
}

size_t
crowd_packet(uint8_t *out, const struct crowd_packet *what, struct site *site, struct instant now,
    struct random *r)
{
	struct flock_id flock = crowd_flock(what->flock, what->listener);
	struct data_header h = {
		.spi = SPI_OF(tunnel_between(SECOND, FIRST)),
		.flock_src = flock,
		.flock_dst = flock,
	};
	uint8_t *inside = what->listener == 0 ? out : out + SHROUD_HEADER_SIZE;

	random_bytes(r, inside, what->len);
	data_header_encode(&h, inside);
	return what->listener == 0 ? what->len : put_shroud(out, what, site, now, r);
}

static void
count(struct sender *sender, struct packet *const *packets, size_t n)
{
	struct drain *d = (struct drain *)sender;

	d->packets += n;
	for (size_t i = 0; i < n; i++)
		d->bytes += packets[i]->len;
}

void
drain_init(struct drain *d)
{
	*d = (struct drain){ .sender.send = count };
}

struct crowd_batch *
crowd_batch_create(void)
{
	struct crowd_batch *b = have(aligned_alloc(64, (sizeof(*b) + 63) & ~(size_t)63));

	memset(b, 0, sizeof(*b));
	for (size_t n = 0; n < PIPELINE_BATCH; n++)
		b->at[n] = &b->packets[n];
	return b;
}
