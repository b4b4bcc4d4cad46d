/* SPDX-License-Identifier: ISC */
/*
 * Conversations between real programs, recorded between devices and cathedrals, taken apart with
 * the keys beside them.  Every packet has to be explained: unmasked, opened, its signature and its
 * time checked, its ambry unwrapped.
 */
#include "protocol/crypto/aead.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/shroud.h"
#include "protocol/envelope.h"
#include "protocol/wire/header.h"
#include "protocol/wire/kind.h"
#include "protocol/wrapping.h"
#include "tests/support/vectors.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEVICES_MAX 8
#define PLACES_MAX  32
#define TYPES       8

enum direction {
	DIRECT, /* between devices: nothing of it is the cathedral's to read */
	TO_CATHEDRAL,
	TO_DEVICE,
	FEDERATED,
	DIRECTIONS
};

struct party {
	struct flock_id flock, other; /* its own, and the one that it talks to */
	struct device_id id;
	struct cathedral_secret cs;
	struct cosk_public cosk;
	struct kek kek;
};

/* A device that showed itself at an address, for one pair of flocks. */
struct place {
	char address[64];
	const struct party *party;
	struct flock_id own, other;
};

struct recording {
	const char *name;
	json_t *keys;
	bool shroud;
	struct federation_secret federation;
	struct party parties[DEVICES_MAX];
	size_t party_count;
	struct place places[PLACES_MAX];
	size_t place_count;
	size_t counts[DIRECTIONS][WIRE_DATA + 1][TYPES];
	char secret[2 * crypto_hash_sha256_BYTES + 1]; /* SHA-256 of what ambries held */
};

/* One packet of it; bytes and len are what is left when the shroud is off. */
struct packet {
	const char *from, *to;
	enum direction direction;
	int64_t t;
	uint8_t *bytes;
	size_t len;
};

static void
recording_open(struct recording *r, const char *name)
{
	char file[128];
	json_t *device;
	size_t i;

	snprintf(file, sizeof(file), "recordings/%s.keys.json", name);
	*r = (struct recording){ .name = name, .keys = vectors_load(file) };
	r->shroud = vector_flag(r->keys, "shroud");
	vector_bytes(r->keys, "federation_secret", r->federation.bytes, 32);
	json_array_foreach(vector_list(r->keys, "devices"), i, device)
	{
		struct party *p = &r->parties[r->party_count++];

		assert_true(r->party_count <= DEVICES_MAX);
		p->flock.value = vector_hex(device, "flock");
		p->other.value = vector_hex(device, "flock_dst");
		p->id.value = (uint32_t)vector_hex(device, "id");
		vector_bytes(device, "cs", p->cs.bytes, 32);
		vector_bytes(device, "cosk_public", p->cosk.bytes, 32);
		vector_bytes(device, "kek", p->kek.bytes, 32);
	}
}

static bool
is_cathedral(const struct recording *r, const char *address)
{
	json_t *one;
	size_t i;

	json_array_foreach(vector_list(r->keys, "cathedrals"), i, one)
	{
		if (strcmp(json_string_value(one), address) == 0)
			return true;
	}
	return false;
}

static enum direction
direction_of(const struct recording *r, const char *from, const char *to)
{
	if (is_cathedral(r, from))
		return is_cathedral(r, to) ? FEDERATED : TO_DEVICE;
	return is_cathedral(r, to) ? TO_CATHEDRAL : DIRECT;
}

/* Takes the shroud off under this key, in a buffer of its own. */
static uint8_t *
unmasked(const uint8_t *raw, size_t len, const struct shroud_key *key, size_t *packet_len)
{
	uint8_t *copy = exact_copy(raw, len), *packet;
	struct kmac_prefix prefix;
	struct kmac_job job;

	if (len < SHROUD_HEADER_SIZE)
		fail_msg("%zu bytes are too short for a shroud", len);
	shroud_mask_prefix(&prefix, key);
	job = shroud_job(&prefix, copy, copy + SHROUD_HEADER_SIZE, len - SHROUD_HEADER_SIZE);
	kmac_mask(&job, 1);
	*packet_len = shroud_unpadded(copy + SHROUD_HEADER_SIZE, len - SHROUD_HEADER_SIZE);
	packet = exact_copy(copy + SHROUD_HEADER_SIZE, *packet_len);
	free(copy);
	return packet;
}

static bool
shows_identity(
    const struct party *p, struct flock_id other, const uint8_t raw[static SHROUD_HEADER_SIZE])
{
	uint8_t identity[SHROUD_IDENTITY_SIZE];
	struct kmac_prefix prefix;

	shroud_identity_prefix(&prefix, p->flock, other, p->id);
	shroud_identity(identity, &prefix, raw + SHROUD_SEED_ID_AT);
	return memcmp(identity, raw, sizeof(identity)) == 0;
}

/* The place in the list, put there if it is new. */
static const struct place *
place_kept(struct recording *r, const struct place *place)
{
	for (size_t i = 0; i < r->place_count; i++) {
		const struct place *p = &r->places[i];

		if (strcmp(p->address, place->address) == 0 && p->party == place->party &&
		    flock_equal(p->other, place->other))
			return p;
	}
	assert_true(r->place_count < PLACES_MAX);
	r->places[r->place_count] = *place;
	return &r->places[r->place_count++];
}

/* Who sent it, by its identity; remembered for what comes back to that address. */
static const struct place *
sender_place(struct recording *r, const struct packet *p)
{
	if (p->len < SHROUD_HEADER_SIZE)
		fail_msg("%zu bytes are too short for a shroud", p->len);
	for (size_t i = 0; i < r->party_count; i++) {
		const struct party *party = &r->parties[i];
		struct place place = { .party = party, .own = flock_base(party->flock) };

		if (shows_identity(party, party->flock, p->bytes))
			place.other = place.own;
		else if (shows_identity(party, party->other, p->bytes))
			place.other = flock_base(party->other);
		else
			continue;
		snprintf(place.address, sizeof(place.address), "%s", p->from);
		return place_kept(r, &place);
	}
	fail_msg("nobody has this identity");
	return NULL;
}

/* Data for other flocks than the key's is what a wrong key makes of a packet. */
static bool
is_for(const struct place *place, const uint8_t *packet, size_t len)
{
	struct data_header h;

	if (wire_kind(packet, len) != WIRE_DATA)
		return wire_kind(packet, len) != WIRE_UNKNOWN;
	return data_header_decode(&h, packet, len) &&
	       (flock_equal(flock_base(h.flock_dst), place->own) ||
		   flock_equal(flock_base(h.flock_dst), place->other));
}

static uint8_t *
unmasked_for_receiver(const struct recording *r, const struct packet *p, size_t *len)
{
	for (size_t i = 0; i < r->place_count; i++) {
		const struct place *place = &r->places[i];
		struct shroud_key key;
		uint8_t *packet;

		if (strcmp(place->address, p->to) != 0)
			continue;
		shroud_key_device(&key, &place->party->cs, place->own, place->other);
		packet = unmasked(p->bytes, p->len, &key, len);
		if (is_for(place, packet, *len))
			return packet;
		free(packet);
	}
	fail_msg("no device at %s opens this", p->to);
	return NULL;
}

static void
unshroud(struct recording *r, struct packet *p)
{
	const struct place *place;
	struct shroud_key key;
	uint8_t *packet = NULL;
	size_t len = 0;

	switch (p->direction) {
	case FEDERATED:
		shroud_key_federation(&key, &r->federation);
		packet = unmasked(p->bytes, p->len, &key, &len);
		break;
	case TO_DEVICE:
		packet = unmasked_for_receiver(r, p, &len);
		break;
	case TO_CATHEDRAL:
		place = sender_place(r, p);
		shroud_key_device(&key, &place->party->cs, place->own, place->other);
		packet = unmasked(p->bytes, p->len, &key, &len);
		break;
	case DIRECT:
	case DIRECTIONS:
		fail_msg("nobody unshrouds this");
	}
	free(p->bytes);
	p->bytes = packet;
	p->len = len;
}

static void
expect_ambry(struct recording *r, const struct party *party, const struct ambry *a)
{
	struct ambry_place place = { flock_base(party->flock), flock_base(party->other),
		a->tunnel };
	struct bundle_head head = { .expires = a->expires, .generation = a->generation };
	char hex[2 * crypto_hash_sha256_BYTES + 1];
	uint8_t hash[crypto_hash_sha256_BYTES];
	struct kek_unwrap_key k1;
	struct tunnel_secret secret;

	memcpy(head.seed, a->seed, sizeof(head.seed));
	kek_unwrap_key_derive(&k1, &party->kek, party->flock, party->other);
	assert_true(ambry_unwrap(&secret, a->key, a->tag, &k1, &head, &place));

	crypto_hash_sha256(hash, secret.bytes, sizeof(secret.bytes));
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	if (r->secret[0] != '\0')
		assert_string_equal(hex, r->secret); /* both ends hold the same */
	memcpy(r->secret, hex, sizeof(hex));
}

/* What holds for every offer: known type, nothing behind its union, near its time. */
static struct offer
offer_of(const struct envelope *e, int64_t t)
{
	uint8_t again[OFFER_DATA_SIZE];
	struct offer o;

	assert_true(offer_data_decode(&o, e->data));
	offer_data_encode(&o, again);
	assert_memory_equal(again, e->data, sizeof(again));
	assert_true(offer_fresh(o.timestamp, t));
	return o;
}

/* Opens an offer between device and cathedral; returns its type. */
static unsigned
expect_device_offer(struct recording *r, const struct packet *p)
{
	struct offer_header h;

	assert_true(offer_header_decode(&h, p->bytes, p->len));
	for (size_t i = 0; i < r->party_count; i++) {
		const struct party *party = &r->parties[i];
		struct offer_key key;
		struct envelope e;
		struct offer o;

		offer_key_device(&key, &party->cs, h.seed,
		    p->direction == TO_CATHEDRAL ? h.flock_src : party->flock);
		if (h.spi != party->id.value || !envelope_open(&e, p->bytes, p->len, &key))
			continue;
		if (p->direction == TO_CATHEDRAL && !flock_equal(h.flock_src, party->flock))
			continue;
		assert_true(envelope_verify(&e, &party->cosk) == (p->direction == TO_CATHEDRAL));
		o = offer_of(&e, p->t);
		if (o.type == OFFER_AMBRY)
			expect_ambry(r, party, &o.ambry);
		return o.type;
	}
	fail_msg("no device's key opens this offer");
	return 0;
}

/* Opens an offer between cathedrals: a device's own, signed by it, or what follows an info. */
static unsigned
expect_catacomb(struct recording *r, const struct packet *p)
{
	unsigned signers = 0;
	struct offer_header h;
	struct offer_key key;
	struct envelope e;
	struct offer o;

	assert_true(offer_header_decode(&h, p->bytes, p->len));
	offer_key_catacomb(&key, &r->federation, h.seed, h.flock_src);
	assert_true(envelope_open(&e, p->bytes, p->len, &key));
	o = offer_of(&e, p->t);

	for (size_t i = 0; i < r->party_count; i++)
		if (h.spi == r->parties[i].id.value &&
		    flock_equal(h.flock_src, r->parties[i].flock))
			signers += envelope_verify(&e, &r->parties[i].cosk);
	assert_int_equal(signers, o.type == OFFER_P2P_INFO ? 0 : 1);
	return o.type;
}

static void
expect_known_flocks(const struct recording *r, struct flock_id src, struct flock_id dst)
{
	bool has_src = false, has_dst = false;

	for (size_t i = 0; i < r->party_count; i++) {
		has_src = has_src || flock_equal(r->parties[i].flock, src);
		has_dst = has_dst || flock_equal(r->parties[i].flock, dst);
	}
	assert_true(has_src && has_dst);
}

static unsigned
expect_relayed(const struct recording *r, const struct packet *p, enum wire_kind kind)
{
	struct sacrament_header s;
	struct data_header d;

	if (kind == WIRE_SACRAMNT) {
		assert_true(sacrament_header_decode(&s, p->bytes, p->len));
		expect_known_flocks(r, s.flock_src, s.flock_dst);
		return OFFER_EXCHANGE;
	}
	assert_true(data_header_decode(&d, p->bytes, p->len));
	expect_known_flocks(r, d.flock_src, d.flock_dst);
	return 0;
}

static unsigned
expect_kind(struct recording *r, const struct packet *p, enum wire_kind kind)
{
	switch (kind) {
	case WIRE_KATEDRAL:
	case WIRE_CIBORIUM:
		return expect_device_offer(r, p);
	case WIRE_CATACOMB:
		return expect_catacomb(r, p);
	case WIRE_SACRAMNT:
	case WIRE_DATA:
		return expect_relayed(r, p, kind);
	case WIRE_LETTER:
	case WIRE_UNKNOWN:
		break;
	}
	fail_msg("%zu bytes of no kind", p->len);
	return 0;
}

static void
packet_explain(struct recording *r, const json_t *line)
{
	struct packet p = { .from = vector_text(line, "from"), .to = vector_text(line, "to") };
	enum wire_kind kind = WIRE_UNKNOWN;
	unsigned type = 0;

	p.direction = direction_of(r, p.from, p.to);
	p.t = (int64_t)json_number_value(json_object_get(line, "t"));
	p.bytes = vector_alloc(line, "hex", &p.len);
	if (p.direction != DIRECT) {
		if (r->shroud)
			unshroud(r, &p);
		kind = wire_kind(p.bytes, p.len);
		type = expect_kind(r, &p, kind);
	}
	r->counts[p.direction][kind][type]++;
	free(p.bytes);
}

static void
recording_read(struct recording *r, const char *name)
{
	char path[128], *text = NULL;
	unsigned number = 0;
	size_t size = 0;
	FILE *file;

	recording_open(r, name);
	snprintf(path, sizeof(path), "tests/vectors/recordings/%s.jsonl", name);
	file = fopen(path, "r");
	assert_non_null(file);
	while (getline(&text, &size, file) > 0) {
		json_t *line = json_loads(text, 0, NULL);

		if (line == NULL)
			fail_msg("%s:%u: not JSON", path, number + 1);
		packet_explain(r, line);
		json_decref(line);
		number++;
	}
	free(text);
	fclose(file);
	json_decref(r->keys);
}

struct count {
	enum direction direction;
	enum wire_kind kind;
	unsigned type;
	size_t packets;
};

/* Exactly these packets, and no others, were in it. */
static void
expect_counts(const struct recording *r, const struct count *want, size_t rows)
{
	size_t all[DIRECTIONS][WIRE_DATA + 1][TYPES] = { 0 };

	for (size_t i = 0; i < rows; i++)
		all[want[i].direction][want[i].kind][want[i].type] = want[i].packets;
	for (unsigned d = 0; d < DIRECTIONS; d++)
		for (unsigned k = 0; k <= WIRE_DATA; k++)
			for (unsigned t = 0; t < TYPES; t++)
				if (r->counts[d][k][t] != all[d][k][t])
					fail_msg("%s: direction %u, kind %u, type %u: %zu packets, "
						 "not %zu",
					    r->name, d, k, t, r->counts[d][k][t], all[d][k][t]);
}

#define ROWS(table) (table), sizeof(table) / sizeof((table)[0])

/* SHA-256 of the secrets that the ambries in these recordings hold. */
#define WITHIN_FLOCK   "3b17b12101d654e781308ffa5bcc12abf38be1a9010b91bfd2f991385bf7e78a"
#define BETWEEN_FLOCKS "27a402869ed4cfbadbd8689099ba19788a3926f2658720bd7118b8e0c058b295"

static void
the_federation_plain_recording_is_explained(void **state)
{
	static const struct count want[] = {
		{ FEDERATED, WIRE_CATACOMB, OFFER_INFO, 12 },
		{ FEDERATED, WIRE_CATACOMB, OFFER_LITURGY, 12 },
		{ FEDERATED, WIRE_CATACOMB, OFFER_P2P_INFO, 12 },
		{ FEDERATED, WIRE_KATEDRAL, OFFER_REMEMBRANCE, 4 },
		{ FEDERATED, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ FEDERATED, WIRE_DATA, 0, 39 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_AMBRY, 2 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_INFO, 11 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_LITURGY, 12 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_REMEMBRANCE, 8 },
		{ TO_DEVICE, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_DEVICE, WIRE_DATA, 0, 39 },
		{ TO_CATHEDRAL, WIRE_CIBORIUM, OFFER_INFO, 12 },
		{ TO_CATHEDRAL, WIRE_KATEDRAL, OFFER_INFO, 12 },
		{ TO_CATHEDRAL, WIRE_KATEDRAL, OFFER_LITURGY, 12 },
		{ TO_CATHEDRAL, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_CATHEDRAL, WIRE_DATA, 0, 48 },
		{ DIRECT, WIRE_UNKNOWN, 0, 2 },
	};
	struct recording r;

	(void)state;
	recording_read(&r, "federation-plain");
	expect_counts(&r, ROWS(want));
	assert_string_equal(r.secret, WITHIN_FLOCK);
}

static void
the_federation_shroud_recording_is_explained(void **state)
{
	static const struct count want[] = {
		{ FEDERATED, WIRE_CATACOMB, OFFER_INFO, 12 },
		{ FEDERATED, WIRE_CATACOMB, OFFER_LITURGY, 12 },
		{ FEDERATED, WIRE_CATACOMB, OFFER_P2P_INFO, 12 },
		{ FEDERATED, WIRE_KATEDRAL, OFFER_REMEMBRANCE, 4 },
		{ FEDERATED, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ FEDERATED, WIRE_DATA, 0, 38 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_AMBRY, 2 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_INFO, 11 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_LITURGY, 12 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_REMEMBRANCE, 8 },
		{ TO_DEVICE, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_DEVICE, WIRE_DATA, 0, 38 },
		{ TO_CATHEDRAL, WIRE_CIBORIUM, OFFER_INFO, 12 },
		{ TO_CATHEDRAL, WIRE_KATEDRAL, OFFER_INFO, 12 },
		{ TO_CATHEDRAL, WIRE_KATEDRAL, OFFER_LITURGY, 12 },
		{ TO_CATHEDRAL, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_CATHEDRAL, WIRE_DATA, 0, 48 },
		{ DIRECT, WIRE_UNKNOWN, 0, 5 },
	};
	struct recording r;

	(void)state;
	recording_read(&r, "federation-shroud");
	expect_counts(&r, ROWS(want));
	assert_string_equal(r.secret, WITHIN_FLOCK);
}

static void
the_liturgy_plain_recording_is_explained(void **state)
{
	static const struct count want[] = {
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_LITURGY, 8 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_REMEMBRANCE, 4 },
		{ TO_CATHEDRAL, WIRE_KATEDRAL, OFFER_LITURGY, 8 },
	};
	struct recording r;

	(void)state;
	recording_read(&r, "liturgy-plain");
	expect_counts(&r, ROWS(want));
	assert_string_equal(r.secret, "");
}

static void
the_liturgy_shroud_recording_is_explained(void **state)
{
	static const struct count want[] = {
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_LITURGY, 8 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_REMEMBRANCE, 4 },
		{ TO_CATHEDRAL, WIRE_KATEDRAL, OFFER_LITURGY, 8 },
	};
	struct recording r;

	(void)state;
	recording_read(&r, "liturgy-shroud");
	expect_counts(&r, ROWS(want));
	assert_string_equal(r.secret, "");
}

static void
the_tunnel_plain_recording_is_explained(void **state)
{
	static const struct count want[] = {
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_AMBRY, 2 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_INFO, 7 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_REMEMBRANCE, 4 },
		{ TO_DEVICE, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_DEVICE, WIRE_DATA, 0, 32 },
		{ TO_CATHEDRAL, WIRE_CIBORIUM, OFFER_INFO, 8 },
		{ TO_CATHEDRAL, WIRE_KATEDRAL, OFFER_INFO, 8 },
		{ TO_CATHEDRAL, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_CATHEDRAL, WIRE_DATA, 0, 45 },
	};
	struct recording r;

	(void)state;
	recording_read(&r, "tunnel-plain");
	expect_counts(&r, ROWS(want));
	assert_string_equal(r.secret, WITHIN_FLOCK);
}

static void
the_tunnel_shroud_recording_is_explained(void **state)
{
	static const struct count want[] = {
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_AMBRY, 2 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_INFO, 7 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_REMEMBRANCE, 4 },
		{ TO_DEVICE, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_DEVICE, WIRE_DATA, 0, 37 },
		{ TO_CATHEDRAL, WIRE_CIBORIUM, OFFER_INFO, 8 },
		{ TO_CATHEDRAL, WIRE_KATEDRAL, OFFER_INFO, 8 },
		{ TO_CATHEDRAL, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_CATHEDRAL, WIRE_DATA, 0, 48 },
	};
	struct recording r;

	(void)state;
	recording_read(&r, "tunnel-shroud");
	expect_counts(&r, ROWS(want));
	assert_string_equal(r.secret, WITHIN_FLOCK);
}

static void
the_xflock_plain_recording_is_explained(void **state)
{
	static const struct count want[] = {
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_AMBRY, 2 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_INFO, 7 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_REMEMBRANCE, 4 },
		{ TO_DEVICE, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_DEVICE, WIRE_DATA, 0, 33 },
		{ TO_CATHEDRAL, WIRE_CIBORIUM, OFFER_INFO, 8 },
		{ TO_CATHEDRAL, WIRE_KATEDRAL, OFFER_INFO, 8 },
		{ TO_CATHEDRAL, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_CATHEDRAL, WIRE_DATA, 0, 43 },
	};
	struct recording r;

	(void)state;
	recording_read(&r, "xflock-plain");
	expect_counts(&r, ROWS(want));
	assert_string_equal(r.secret, BETWEEN_FLOCKS);
}

static void
the_xflock_shroud_recording_is_explained(void **state)
{
	static const struct count want[] = {
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_AMBRY, 2 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_INFO, 6 },
		{ TO_DEVICE, WIRE_KATEDRAL, OFFER_REMEMBRANCE, 4 },
		{ TO_DEVICE, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_DEVICE, WIRE_DATA, 0, 38 },
		{ TO_CATHEDRAL, WIRE_CIBORIUM, OFFER_INFO, 8 },
		{ TO_CATHEDRAL, WIRE_KATEDRAL, OFFER_INFO, 8 },
		{ TO_CATHEDRAL, WIRE_SACRAMNT, OFFER_EXCHANGE, 8 },
		{ TO_CATHEDRAL, WIRE_DATA, 0, 48 },
	};
	struct recording r;

	(void)state;
	recording_read(&r, "xflock-shroud");
	expect_counts(&r, ROWS(want));
	assert_string_equal(r.secret, BETWEEN_FLOCKS);
}

static int
ready(void **state)
{
	(void)state;
	return aead_init() ? 0 : -1;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_federation_plain_recording_is_explained),
		cmocka_unit_test(the_federation_shroud_recording_is_explained),
		cmocka_unit_test(the_liturgy_plain_recording_is_explained),
		cmocka_unit_test(the_liturgy_shroud_recording_is_explained),
		cmocka_unit_test(the_tunnel_plain_recording_is_explained),
		cmocka_unit_test(the_tunnel_shroud_recording_is_explained),
		cmocka_unit_test(the_xflock_plain_recording_is_explained),
		cmocka_unit_test(the_xflock_shroud_recording_is_explained),
	};

	return cmocka_run_group_tests_name("recordings", tests, ready, NULL);
}
