/* SPDX-License-Identifier: ISC */
#include "tools/device/device.h"

#include "protocol/crypto/secret.h"
#include "protocol/wire/cursor.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

struct device_config
device_config_default(void)
{
	return (struct device_config){
		.shroud = true,
		.mtu = 1373,
		.info = true,
		.info_ns = 5 * NS_PER_S,
		.liturgy_ns = 5 * NS_PER_S,
		.seed_id_ns = 300 * NS_PER_S,
		.give_up_ns = 45 * NS_PER_S,
	};
}

uint32_t
device_default_spi(struct flock_id flock, struct tunnel_id tunnel)
{
	uint8_t input[10], hash[crypto_generichash_BYTES];
	struct writer w = writer_over(input, sizeof(input));

	writer_be64(&w, flock.value);
	writer_be16(&w, tunnel.value);
	crypto_generichash(hash, sizeof(hash), input, sizeof(input), NULL, 0);
	return (uint32_t)tunnel.value << 16 | (uint32_t)hash[0] << 8 | hash[1];
}

void
device_init(struct device *d, const struct device_config *config, const struct device_keys *keys,
    const struct device_moment *m)
{
	struct shroud_key key;

	assert(config->mtu <= DEVICE_PACKET_MAX);
	memset(d, 0, sizeof(*d));
	d->config = *config;
	d->keys = *keys;
	d->rx_active = device_default_spi(config->flock, config->tunnel);
	d->tx_spi = device_default_spi(config->flock_dst, tunnel_reverse(config->tunnel));

	if (config->shroud) {
		shroud_key_device(&key, &keys->cs, config->flock, config->flock_dst);
		shroud_mask_prefix(&d->mask[DEVICE_SHROUD_PAIR], &key);
		shroud_key_device(&key, &keys->cs, config->flock, config->flock);
		shroud_mask_prefix(&d->mask[DEVICE_SHROUD_OWN], &key);
		secret_wipe(&key, sizeof(key));
	}
	device_restart(d, m);
}

void
device_restart(struct device *d, const struct device_moment *m)
{
	secret_wipe(&d->secret, sizeof(d->secret));
	secret_wipe(&d->peer_mask, sizeof(d->peer_mask));
	d->has_secret = false;
	d->has_peer = false;
	d->generation = 0;
	d->sent = 0;
	d->seed_id_until_ns = 0;
	d->probe_due = false;
	d->instance = random_u64(m->random);
	d->answered_ns = m->now.mono_ns;
	d->info_due_ns = m->now.mono_ns;
	d->liturgy_due_ns = m->now.mono_ns;
}

void
device_wipe(struct device *d)
{
	secret_wipe(d, sizeof(*d));
}

bool
device_add_cathedral(struct device *d, const struct endpoint *at, uint16_t nat_port)
{
	if (d->cathedral_count == DEVICE_CATHEDRALS)
		return false;
	d->cathedrals[d->cathedral_count++] = (struct device_cathedral){ *at, nat_port };
	d->cathedral_given = d->cathedral_count;
	return true;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
device_due(const struct device *d)
{
	uint64_t due = UINT64_MAX;

	if (d->probe_due)
		return 0;
	if (d->cathedral_count > 1)
		due = d->answered_ns + d->config.give_up_ns;
	if (d->config.info)
		due = earlier(due, d->info_due_ns);
	if (d->config.liturgy.on)
		due = earlier(due, d->liturgy_due_ns);
	return due;
}

/* Turns to the next cathedral when this one has been silent for too long; false when it stays. */
static bool
give_up(struct device *d, uint64_t now_ns)
{
	if (d->cathedral_count < 2 || now_ns < d->answered_ns + d->config.give_up_ns)
		return false;
	d->cathedral = (uint8_t)((d->cathedral + 1) % d->cathedral_count);
	d->answered_ns = now_ns;
	d->info_due_ns = now_ns;
	d->liturgy_due_ns = now_ns;
	d->probe_due = false;
	return true;
}

/* The same rhythm goes on, but what was missed meanwhile is not made up for. */
static uint64_t
next_after(uint64_t due_ns, uint64_t interval_ns, uint64_t now_ns)
{
	uint64_t next_ns = due_ns + interval_ns;

	return next_ns > now_ns ? next_ns : now_ns + interval_ns;
}

enum device_did
device_step(struct device *d, const struct device_moment *m, struct device_packet *out)
{
	uint64_t now_ns = m->now.mono_ns;

	if (give_up(d, now_ns))
		return DEVICE_MOVED;

	if (d->probe_due) {
		d->probe_due = false;
		device_make_probe(d, m, out);
		return DEVICE_SENDS;
	}
	if (d->config.info && now_ns >= d->info_due_ns) {
		d->info_due_ns = next_after(d->info_due_ns, d->config.info_ns, now_ns);
		d->probe_due = d->cathedrals[d->cathedral].nat_port != 0;
		device_make_info(d, m, out);
		return DEVICE_SENDS;
	}
	if (d->config.liturgy.on && now_ns >= d->liturgy_due_ns) {
		d->liturgy_due_ns = next_after(d->liturgy_due_ns, d->config.liturgy_ns, now_ns);
		device_make_liturgy(d, m, out);
		return DEVICE_SENDS;
	}
	return DEVICE_IDLE;
}
