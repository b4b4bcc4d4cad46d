/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/ends.h"

#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"
#include "protocol/wire/cursor.h"

#include <string.h>

/* One identity for all packets of a run, whoever makes them. */
static void
fix_identity(struct device *d, const struct fleet_end *end)
{
	struct writer w = writer_over(d->seed_id, sizeof(d->seed_id));
	struct kmac_prefix prefix;

	writer_be64(&w, end->run);
	writer_be64(&w, end->number);
	shroud_identity_prefix(&prefix, d->config.flock, d->config.flock_dst, d->config.id);
	shroud_identity(d->identity[DEVICE_SHROUD_PAIR], &prefix, d->seed_id);
	memcpy(d->identity[DEVICE_SHROUD_OWN], d->identity[DEVICE_SHROUD_PAIR],
	    sizeof(d->identity[0]));
	d->seed_id_until_ns = UINT64_MAX;
}

void
end_open(struct device *d, const struct roster *r, const struct fleet_end *end,
    const struct device_moment *m)
{
	struct roster_tunnel t = roster_tunnel(r, end_tunnel(end->number));
	uint8_t own = end->number % 2 == 0 ? t.first : t.second;
	uint8_t peer = end->number % 2 == 0 ? t.second : t.first;
	struct device_config config = device_config_default();
	struct device_keys keys = { .has_kek = false };
	static const struct endpoint nowhere;
	struct cosk_public public;

	roster_secret(r, t.flock, &keys.cs);
	roster_signing(r, t.flock, &keys.cosk, &public);
	config.flock = config.flock_dst = roster_flock(t.flock);
	config.id = roster_device(t.flock, own);
	config.tunnel = tunnel_between(own, peer);
	config.shroud = end->shroud;
	config.mtu = 0; /* every packet of a size is as long as the next */
	config.no_ambry = true;
	config.remembrance = true; /* so that the first offer is answered, too */
	device_init(d, &config, &keys, m);
	/* Always the same: a device that seems restarted has no answer to its first offer. */
	d->instance = end->number + 1;
	if (end->shroud)
		fix_identity(d, end);
	/* Sockets are connected: the address is of no use, but a device must have one. */
	device_add_cathedral(d, &nowhere, 0);
	secret_wipe(&keys, sizeof(keys));
}

uint64_t
end_of_device(const struct roster *r, struct device_id id)
{
	uint64_t flock = id.value >> 8, d = id.value & 0xff;

	if (flock >= r->flocks || d < 1 || d > r->devices)
		return END_NONE;
	return 2 * (flock * (r->devices / 2)) + (d - 1);
}

void
end_mask(struct kmac_prefix *ret, const struct roster *r, uint64_t flock)
{
	struct flock_id id = roster_flock(flock);
	struct cathedral_secret cs;
	struct shroud_key key;

	roster_secret(r, flock, &cs);
	shroud_key_device(&key, &cs, id, id);
	shroud_mask_prefix(ret, &key);
	secret_wipe(&key, sizeof(key));
	secret_wipe(&cs, sizeof(cs));
}
