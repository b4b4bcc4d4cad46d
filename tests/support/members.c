/* SPDX-License-Identifier: ISC */
#include "tests/support/members.h"

#include "protocol/crypto/sign.h"
#include "protocol/wire/cursor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
have(void *at)
{
	if (at == NULL) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return at;
}

struct member
member_make(uint32_t id, uint8_t number, uint32_t mbit, struct random *r)
{
	struct member m = { .id.value = id, .number = number, .mbit = mbit };
	uint8_t seed[32];

	random_bytes(r, m.keys.cs.bytes, sizeof(m.keys.cs.bytes));
	random_bytes(r, seed, sizeof(seed));
	sign_key_pair(&m.keys.cosk, &m.public, seed);
	return m;
}

struct registry_spec_device
member_spec(const struct member *m)
{
	return (struct registry_spec_device){
		.id = m->id,
		.kek_number = m->number,
		.mbit = m->mbit,
		.cs = m->keys.cs,
		.cosk = m->public,
	};
}

struct registry_flock *
members_flock(struct flock_id flock, const struct member *members, size_t count)
{
	struct registry_spec_device specs[KEK_NUMBER_MAX];

	for (size_t n = 0; n < count; n++)
		specs[n] = member_spec(&members[n]);
	return have(registry_flock_create(flock, specs, count));
}

struct device
member_device(
    const struct member *m, const struct member_way *way, const struct device_moment *moment)
{
	struct device_config c = device_config_default();
	struct device d;

	c.flock = way->from;
	c.flock_dst = way->to;
	c.id = m->id;
	c.tunnel = tunnel_between(m->number, way->peer);
	c.shroud = way->shroud;
	device_init(&d, &c, &m->keys, moment);
	device_add_cathedral(&d, &way->cathedral, way->nat_port);
	return d;
}

struct bundle_entry
bundle_entry_of(const struct bundle_plan *plan, struct flock_id flock, struct tunnel_id tunnel)
{
	struct bundle_entry e = { .flock = flock_base(flock), .tunnel = tunnel };
	struct writer w = writer_over(e.key, sizeof(e.key));

	writer_be64(&w, e.flock.value);
	writer_be16(&w, tunnel.value);
	writer_be32(&w, plan->generation);
	memset(e.tag, tunnel_own(tunnel), sizeof(e.tag));
	return e;
}

static void
put_entry(struct writer *w, const struct bundle_plan *plan, struct flock_id flock,
    struct tunnel_id tunnel)
{
	struct bundle_entry e = bundle_entry_of(plan, flock, tunnel);
	uint8_t bytes[BUNDLE_ENTRY_SIZE];

	bundle_entry_encode(&e, bytes);
	writer_put(w, bytes, sizeof(bytes));
}

uint8_t *
bundle_write(const struct bundle_plan *plan, size_t *len)
{
	bool one = flock_equal(flock_base(plan->first), flock_base(plan->second));
	struct bundle_head head = { .expires = plan->expires, .generation = plan->generation };
	uint8_t encoded[BUNDLE_HEAD_SIZE], *bytes;
	struct writer w;

	*len = one ? BUNDLE_ONE_FLOCK_SIZE : BUNDLE_TWO_FLOCKS_SIZE;
	bytes = have(malloc(*len));
	w = writer_over(bytes, *len);
	memset(head.seed, (int)(plan->generation & 0xff), sizeof(head.seed));
	bundle_head_encode(&head, encoded);
	writer_put(&w, encoded, sizeof(encoded));
	for (unsigned a = 1; a <= KEK_NUMBER_MAX; a++) {
		for (unsigned b = one ? a + 1 : 1; b <= KEK_NUMBER_MAX; b++) {
			struct tunnel_id tunnel = tunnel_between((uint8_t)a, (uint8_t)b);

			put_entry(&w, plan, plan->first, tunnel);
			put_entry(&w, plan, plan->second, tunnel_reverse(tunnel));
		}
	}
	return bytes;
}
