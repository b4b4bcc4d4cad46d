/* SPDX-License-Identifier: ISC */
#include "cathedral/state/registry.h"

#include "protocol/crypto/kdf.h"
#include "tests/support/members.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct random randomness;
static const struct flock_id flock_a = { 0xaaaa00 }, flock_b = { 0xbbbb00 }, flock_c = { 0xcccc00 };

/* Flocks a (3 devices) and b (2) may talk, c (1) may not. */
struct parish {
	struct member a[3], b[2], c[1];
	struct registry_flock *flocks[3];
	struct registry_xflock *pair;
	struct registry *registry;
};

static struct registry *
assemble(struct parish *p, const struct registry *old, const struct settings_peer *peers,
    size_t peer_count)
{
	static const struct federation_secret secret = { { 1, 2, 3 } };
	struct registry_parts parts = {
		.flocks = p->flocks,
		.flock_count = 3,
		.xflocks = &p->pair,
		.xflock_count = 1,
		.peers = peers,
		.peer_count = peer_count,
		.secret = peer_count > 0 ? &secret : NULL,
	};
	struct registry *r = registry_create(&parts, old);

	assert_non_null(r);
	return r;
}

static void
parish_make(struct parish *p)
{
	/* Identities and numbers in another order than they were allowed in. */
	p->a[0] = member_make(0x30, 5, 25, &randomness);
	p->a[1] = member_make(0x10, 9, 0, &randomness);
	p->a[2] = member_make(0x20, 255, 7, &randomness);
	p->b[0] = member_make(0x30, 9, 1, &randomness);
	p->b[1] = member_make(0x40, 1, 2, &randomness);
	p->c[0] = member_make(0x30, 5, 3, &randomness);
	p->flocks[0] = members_flock(flock_a, p->a, 3);
	p->flocks[1] = members_flock(flock_b, p->b, 2);
	p->flocks[2] = members_flock(flock_c, p->c, 1);
	p->pair = registry_xflock_create(p->flocks[1], p->flocks[0]);
	assert_non_null(p->pair);
}

static void
parish_open(struct parish *p)
{
	parish_make(p);
	p->registry = assemble(p, NULL, NULL, 0);
}

static struct device_id
device(uint32_t id)
{
	return (struct device_id){ id };
}

/* ---- flocks ---- */

static void
a_flock_keeps_what_it_was_given(void **state)
{
	struct parish p;

	(void)state;
	parish_open(&p);
	assert_int_equal(p.flocks[0]->device_count, 3);
	for (size_t n = 0; n < 3; n++) {
		struct party party;

		assert_true(registry_party(p.registry, flock_a, flock_a, p.a[n].id, &party));
		assert_ptr_equal(party.flock, p.flocks[0]);
		assert_int_equal(party.device->id.value, p.a[n].id.value);
		assert_int_equal(party.device->kek_number, p.a[n].number);
		assert_int_equal(party.device->mbit, p.a[n].mbit);
		assert_memory_equal(&party.device->cs, &p.a[n].keys.cs, 32);
		assert_memory_equal(&party.device->cosk, &p.a[n].public, 32);
		assert_false(party.ambries->present);
	}
	registry_free(p.registry);
	registry_free(NULL);
}

static void
flocks_that_cannot_be_are_refused(void **state)
{
	struct registry_spec_device two[256] = { 0 };
	struct registry_flock *empty, *full;

	(void)state;
	for (unsigned n = 0; n < 256; n++) {
		two[n].id.value = n;
		two[n].kek_number = (uint8_t)(n + 1);
	}
	full = registry_flock_create(flock_a, two, 255);
	assert_non_null(full);
	assert_ptr_equal(registry_flock_by_kek(full, 255), &full->devices[254]);
	assert_null(registry_flock_by_kek(full, 0));
	registry_flock_release(full);
	assert_null(registry_flock_create(flock_a, two, 256));
	assert_null(registry_flock_create(flock_a, two + 255, 1)); /* KEK number 0 */

	two[1].id.value = 0;
	assert_null(registry_flock_create(flock_a, two, 2)); /* an identity twice */
	two[1].id.value = 1;
	two[1].kek_number = 1;
	assert_null(registry_flock_create(flock_a, two, 2)); /* a number twice */

	empty = registry_flock_create(flock_with_domain(flock_a, 3), NULL, 0);
	assert_non_null(empty);
	assert_true(flock_equal(empty->id, flock_a)); /* its base */
	registry_flock_release(empty);
	registry_flock_release(NULL);
}

/* The keys derived at the start are those that the packet path would derive. */
static void
shrouds_are_derived_for_each_pair(void **state)
{
	struct parish p;
	struct party party;
	struct kmac_prefix want;
	struct shroud_key key;

	(void)state;
	parish_open(&p);
	assert_true(registry_party(p.registry, flock_a, flock_a, device(0x30), &party));
	shroud_key_device(&key, &p.a[0].keys.cs, flock_a, flock_a);
	shroud_mask_prefix(&want, &key);
	assert_memory_equal(&party.shroud->mask, &want, sizeof(want));
	shroud_identity_prefix(&want, flock_a, flock_a, device(0x30));
	assert_memory_equal(&party.shroud->identity, &want, sizeof(want));

	assert_true(registry_party(p.registry, flock_a, flock_b, device(0x30), &party));
	shroud_key_device(&key, &p.a[0].keys.cs, flock_a, flock_b);
	shroud_mask_prefix(&want, &key);
	assert_memory_equal(&party.shroud->mask, &want, sizeof(want));

	assert_true(registry_party(p.registry, flock_b, flock_a, device(0x40), &party));
	shroud_key_device(&key, &p.b[1].keys.cs, flock_a, flock_b);
	shroud_mask_prefix(&want, &key);
	assert_memory_equal(&party.shroud->mask, &want, sizeof(want));
	shroud_identity_prefix(&want, flock_b, flock_a, device(0x40));
	assert_memory_equal(&party.shroud->identity, &want, sizeof(want));
	registry_free(p.registry);
}

/* ---- parties ---- */

static void
parties_follow_the_rules(void **state)
{
	static const struct {
		uint64_t own, other;
		uint32_t id;
		uint8_t number; /* the same device by its number */
		bool allowed;
	} cases[] = {
		{ 0xaaaa00, 0xaaaa00, 0x30, 5, true },
		{ 0xaaaa00, 0xaaaa00, 0x10, 9, true },
		{ 0xaaaa00, 0xaaaa00, 0x20, 255, true },
		{ 0xaaaa07, 0xaaaa07, 0x20, 255, true }, /* in any domain */
		{ 0xaaaaff, 0xaaaaff, 0x20, 255, true },
		{ 0xaaaa00, 0xaaaa01, 0x20, 255, false }, /* but not out of it */
		{ 0xaaaa01, 0xaaaa00, 0x20, 255, false },
		{ 0xaaaa00, 0xbbbb00, 0x30, 5, true },
		{ 0xbbbb00, 0xaaaa00, 0x30, 9, true },
		{ 0xbbbb09, 0xaaaa09, 0x40, 1, true },
		{ 0xbbbb09, 0xaaaa08, 0x40, 1, false },
		{ 0xaaaa00, 0xcccc00, 0x30, 5, false }, /* no pair */
		{ 0xcccc00, 0xaaaa00, 0x30, 5, false },
		{ 0xcccc00, 0xcccc00, 0x30, 5, true },
		{ 0xaaaa00, 0xdddd00, 0x30, 5, false }, /* no such flock */
		{ 0xdddd00, 0xaaaa00, 0x30, 5, false },
		{ 0xdddd00, 0xdddd00, 0x30, 5, false },
		{ 0xaaaa00, 0, 0x30, 5, false },
		{ 0, 0, 0x30, 5, false },
		{ 0xaaaa00, 0xaaaa00, 0x40, 1, false }, /* another flock's device */
		{ 0xaaaa00, 0xaaaa00, 0, 0, false },
		{ 0xaaaa00, 0xaaaa00, 0x31, 6, false },
		{ 0xaaaa00, 0xaaaa00, UINT32_MAX, 254, false },
	};
	struct parish p;

	(void)state;
	parish_open(&p);
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct flock_id own = { cases[n].own }, other = { cases[n].other };
		struct party by_id, by_number;

		assert_true(registry_party(p.registry, own, other, device(cases[n].id), &by_id) ==
			    cases[n].allowed);
		assert_true(registry_party_by_kek(p.registry, own, other, cases[n].number,
				&by_number) == cases[n].allowed);
		if (cases[n].allowed)
			assert_memory_equal(&by_id, &by_number, sizeof(by_id));
	}
	registry_free(p.registry);
}

/* Both ends are there, or it is no tunnel. */
static void
parties_are_found_together(void **state)
{
	static const struct {
		uint64_t own, other;
		uint8_t of_own, of_other;
		bool allowed;
	} cases[] = {
		{ 0xaaaa00, 0xaaaa00, 5, 255, true },
		{ 0xaaaa07, 0xaaaa07, 255, 9, true },
		{ 0xaaaa00, 0xaaaa01, 5, 255, false },
		{ 0xaaaa00, 0xbbbb00, 5, 1, true },
		{ 0xbbbb03, 0xaaaa03, 9, 255, true },
		{ 0xaaaa00, 0xaaaa00, 5, 6, false },
		{ 0xaaaa00, 0xaaaa00, 6, 5, false },
		{ 0xaaaa00, 0xbbbb00, 5, 5, false }, /* the other flock has no such number */
		{ 0xaaaa00, 0xcccc00, 5, 5, false },
		{ 0xaaaa00, 0xdddd00, 5, 5, false },
		{ 0xdddd00, 0xaaaa00, 5, 5, false },
		{ 0xdddd00, 0xdddd00, 5, 5, false },
	};
	struct parish p;

	(void)state;
	parish_open(&p);
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct flock_id own = { cases[n].own }, other = { cases[n].other };
		struct tunnel_id tunnel = tunnel_between(cases[n].of_own, cases[n].of_other);
		struct parties got;
		struct party want;

		assert_true(
		    registry_parties(p.registry, other, own, tunnel, &got) == cases[n].allowed);
		if (!cases[n].allowed)
			continue;
		assert_true(registry_party_by_kek(p.registry, own, other, cases[n].of_own, &want));
		assert_memory_equal(&got.receiver, &want, sizeof(want));
		assert_true(
		    registry_party_by_kek(p.registry, other, own, cases[n].of_other, &want));
		assert_memory_equal(&got.sender, &want, sizeof(want));
	}
	registry_free(p.registry);
}

static void
pairs_are_found_either_way_round(void **state)
{
	struct parish p;

	(void)state;
	parish_open(&p);
	assert_ptr_equal(registry_xflock_find(p.registry, flock_a, flock_b), p.pair);
	assert_ptr_equal(registry_xflock_find(p.registry, flock_b, flock_a), p.pair);
	assert_ptr_equal(
	    registry_xflock_find(p.registry, flock_with_domain(flock_b, 1), flock_a), p.pair);
	assert_null(registry_xflock_find(p.registry, flock_a, flock_c));
	assert_null(registry_xflock_find(p.registry, flock_a, flock_a));
	assert_ptr_equal(p.pair->a, p.flocks[0]); /* the lower one */
	assert_ptr_equal(p.pair->b, p.flocks[1]);
	registry_free(p.registry);
}

struct visited {
	unsigned count, stop_after;
	struct {
		uint64_t own, other;
		uint32_t id;
	} seen[16];
};

static bool
visit(const struct party *party, struct flock_id other, void *arg)
{
	struct visited *v = arg;

	v->seen[v->count].own = party->flock->id.value;
	v->seen[v->count].other = other.value;
	v->seen[v->count].id = party->device->id.value;
	return ++v->count != v->stop_after;
}

static void
every_shroud_is_visited_once(void **state)
{
	struct parish p;
	struct visited v = { .count = 0 }, two = { .stop_after = 2 };

	(void)state;
	parish_open(&p);
	registry_each_shroud(p.registry, visit, &v);
	assert_int_equal(v.count, 3 + 2 + 1 + 5); /* own, then those of the pair */
	for (unsigned n = 0; n < v.count; n++) {
		struct party party;
		struct flock_id own = { v.seen[n].own }, other = { v.seen[n].other };

		assert_true(registry_party(p.registry, own, other, device(v.seen[n].id), &party));
		for (unsigned k = 0; k < n; k++)
			assert_memory_not_equal(&v.seen[n], &v.seen[k], sizeof(v.seen[n]));
	}
	registry_each_shroud(p.registry, visit, &two);
	assert_int_equal(two.count, 2);
	registry_free(p.registry);
}

static void
a_registry_may_be_empty(void **state)
{
	struct registry_parts none = { 0 };
	struct registry *r = registry_create(&none, NULL);
	struct registry_counts c = registry_counts(r);
	struct endpoint at = endpoint_from_ipv4((uint8_t[]){ 1, 2, 3, 4 }, 5);
	struct visited v = { .count = 0 };
	size_t peers;

	(void)state;
	assert_int_equal(c.flocks + c.xflocks + c.devices + c.peers + c.ambries, 0);
	assert_null(registry_flock_find(r, flock_a));
	assert_null(registry_xflock_find(r, flock_a, flock_b));
	assert_null(registry_peer_at(r, &at));
	registry_peers(r, &peers);
	assert_int_equal(peers, 0);
	assert_false(registry_federation(r)->present);
	registry_each_shroud(r, visit, &v);
	assert_int_equal(v.count, 0);
	registry_free(r);
}

static void
many_flocks_are_all_found(void **state)
{
	static struct registry_flock *flocks[2000];
	struct member m = member_make(1, 1, 0, &randomness);
	struct registry_parts parts = { .flocks = flocks, .flock_count = 2000 };
	struct registry *r;

	(void)state;
	for (unsigned n = 0; n < 2000; n++)
		flocks[n] = members_flock((struct flock_id){ (n + 1) * UINT64_C(256) }, &m, 1);
	parts.hash = hash_key_new(&randomness);
	r = registry_create(&parts, NULL);
	for (unsigned n = 0; n < 2000; n++)
		assert_ptr_equal(
		    registry_flock_find(r, (struct flock_id){ (n + 1) * UINT64_C(256) + n % 256 }),
		    flocks[n]);
	assert_null(registry_flock_find(r, (struct flock_id){ 2001 * UINT64_C(256) }));
	assert_int_equal(registry_counts(r).flocks, 2000);
	assert_int_equal(registry_counts(r).devices, 2000);
	registry_free(r);
}

/* ---- federated cathedrals ---- */

static void
peers_keep_what_is_counted_about_them(void **state)
{
	struct parish p;
	struct settings_peer peers[2] = {
		{ .at = endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, 1 }, 4500), .clear_port = 1 },
		{ .at = endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, 1 }, 4501), .shroud_port = 2 },
	};
	struct endpoint elsewhere = endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, 2 }, 4500);
	const struct registry_peer *peer;
	struct registry *next;
	size_t count;

	(void)state;
	parish_make(&p);
	p.registry = assemble(&p, NULL, peers, 2);
	assert_true(registry_federation(p.registry)->present);
	assert_int_equal(registry_federation(p.registry)->secret.bytes[2], 3);
	peer = registry_peer_at(p.registry, &peers[1].at);
	assert_int_equal(peer->shroud_port, 2);
	assert_null(registry_peer_at(p.registry, &elsewhere));
	atomic_store(&peer->stats->offers_in, 42);

	/* The next edition drops the first, keeps the second, brings a third. */
	for (size_t n = 0; n < 3; n++)
		p.flocks[n]->references++;
	p.pair->references++;
	peers[0].at = elsewhere;
	next = assemble(&p, p.registry, peers, 2);
	registry_free(p.registry);
	registry_peers(next, &count);
	assert_int_equal(count, 2);
	assert_int_equal(registry_counts(next).peers, 2);
	assert_int_equal(atomic_load(&registry_peer_at(next, &peers[1].at)->stats->offers_in), 42);
	assert_int_equal(atomic_load(&registry_peer_at(next, &elsewhere)->stats->offers_in), 0);
	registry_free(next);
}

/* However many there are, and however alike their addresses. */
static void
every_peer_is_found_by_its_address(void **state)
{
	enum { MOST = 300 };
	static struct registry_peer peers[MOST];

	(void)state;
	for (size_t count = 1; count <= MOST; count += 1 + count / 4) {
		struct registry *r = registry_empty(hash_key_new(&randomness)), *copy;
		uint8_t kind = (uint8_t)random_below(&randomness, 3);
		struct endpoint none;

		memset(peers, 0, sizeof(peers));
		for (size_t n = 0; n < count; n++) {
			const uint8_t ip[4] = { 192, 0, 2, kind == 0 ? (uint8_t)n : 1 };

			peers[n].at = endpoint_from_ipv4(ip, (uint16_t)(4500 + n));
			if (kind == 2)
				peers[n].at.ip[n % 8] = (uint8_t)n;
		}
		assert_true(registry_set_peers(r, peers, count, NULL));
		copy = registry_copy(r);
		assert_non_null(copy);
		for (size_t n = 0; n < count; n++) {
			const struct registry_peer *found = registry_peer_at(r, &peers[n].at);

			assert_non_null(found);
			assert_true(endpoint_equal(&found->at, &peers[n].at));
			found = registry_peer_at(copy, &peers[n].at);
			assert_true(found != NULL && endpoint_equal(&found->at, &peers[n].at));
		}
		for (size_t n = 0; n < 1000; n++) {
			none = peers[n % count].at;
			none.port = (uint16_t)(5000 + n);
			assert_null(registry_peer_at(r, &none));
		}
		registry_free(r);
		registry_free(copy);
	}
}

/* ---- ambries ---- */

static bool
set_flock(struct registry_flock *f, const struct bundle_plan *plan, struct fault *why)
{
	size_t len;
	uint8_t *bytes = bundle_write(plan, &len);
	bool ok = registry_flock_set_ambries(f, bytes, len, why);

	free(bytes);
	return ok;
}

static void
expect_ambry(const struct registry_ambries *a, const struct bundle_plan *plan, struct flock_id of,
    struct tunnel_id tunnel)
{
	struct bundle_entry got, want = bundle_entry_of(plan, of, tunnel);

	assert_int_equal(registry_find_ambry(a, of, tunnel, &got), REGISTRY_HERE);
	assert_memory_equal(got.key, want.key, sizeof(want.key));
	assert_memory_equal(got.tag, want.tag, sizeof(want.tag));
	assert_true(flock_equal(got.flock, flock_base(of)));
}

static void
a_flock_keeps_the_ambries_of_its_devices(void **state)
{
	static const uint8_t numbers[] = { 5, 9, 255 };
	const struct bundle_plan plan = { flock_a, flock_a, 2000, 77 };
	struct parish p;
	struct bundle_entry ignored;
	struct fault why;

	(void)state;
	parish_make(&p);
	assert_int_equal(
	    registry_find_ambry(&p.flocks[0]->ambries, flock_a, tunnel_between(5, 9), &ignored),
	    REGISTRY_NOWHERE);
	assert_true(set_flock(p.flocks[0], &plan, &why));
	assert_int_equal(p.flocks[0]->ambries.bundle.head.generation, 77);
	assert_int_equal(p.flocks[0]->ambries.bundle.head.expires, 2000);
	assert_int_equal(p.flocks[0]->ambries.size, BUNDLE_HEAD_SIZE + 6 * BUNDLE_ENTRY_SIZE);
	for (size_t x = 0; x < 3; x++) {
		for (size_t y = 0; y < 3; y++) {
			if (x != y)
				expect_ambry(&p.flocks[0]->ambries, &plan,
				    flock_with_domain(flock_a, (uint8_t)x),
				    tunnel_between(numbers[x], numbers[y]));
		}
	}
	/* Without a file, other numbers are nowhere; so are flocks that are not its own. */
	assert_int_equal(
	    registry_find_ambry(&p.flocks[0]->ambries, flock_a, tunnel_between(5, 10), &ignored),
	    REGISTRY_NOWHERE);
	assert_int_equal(
	    registry_find_ambry(&p.flocks[0]->ambries, flock_b, tunnel_between(5, 9), &ignored),
	    REGISTRY_NOWHERE);
	p.registry = assemble(&p, NULL, NULL, 0);
	assert_int_equal(registry_counts(p.registry).ambries, 1);
	assert_int_equal(
	    registry_counts(p.registry).ambry_bytes, BUNDLE_HEAD_SIZE + 6 * BUNDLE_ENTRY_SIZE);
	registry_free(p.registry);
}

/* Whichever flock the file names first. */
static void
a_pair_keeps_the_ambries_of_both(void **state)
{
	static const uint8_t of_a[] = { 5, 9, 255 }, of_b[] = { 9, 1 };

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		const struct bundle_plan plan = { turn == 0 ? flock_a : flock_b,
			turn == 0 ? flock_b : flock_a, 2000, 5 };
		struct parish p;
		struct fault why;
		size_t len;
		uint8_t *bytes = bundle_write(&plan, &len);

		parish_open(&p);
		assert_true(registry_xflock_set_ambries(p.pair, bytes, len, &why));
		assert_int_equal(
		    p.pair->ambries.size, BUNDLE_HEAD_SIZE + 2 * 3 * 2 * BUNDLE_ENTRY_SIZE);
		for (size_t x = 0; x < 3; x++) {
			for (size_t y = 0; y < 2; y++) {
				struct tunnel_id tunnel = tunnel_between(of_a[x], of_b[y]);

				expect_ambry(&p.pair->ambries, &plan, flock_a, tunnel);
				expect_ambry(
				    &p.pair->ambries, &plan, flock_b, tunnel_reverse(tunnel));
			}
		}
		free(bytes);
		registry_free(p.registry);
	}
}

static void
a_wrong_bundle_is_refused_and_changes_nothing(void **state)
{
	const struct bundle_plan good = { flock_a, flock_a, 2000, 1 },
				 other = { flock_b, flock_b, 2000, 2 },
				 two = { flock_a, flock_b, 2000, 3 };
	struct parish p;
	struct fault why;

	(void)state;
	parish_open(&p);
	assert_true(set_flock(p.flocks[0], &good, &why));
	assert_false(set_flock(p.flocks[0], &other, &why));
	assert_string_equal(why.text,
	    "entry 1: tunnel 0102 of flock bbbb00 where 0102 of flock aaaa00 was expected");
	assert_false(set_flock(p.flocks[0], &two, &why));
	assert_string_equal(why.text, "7542970 bytes where 3756730 were expected");
	expect_ambry(&p.flocks[0]->ambries, &good, flock_a, tunnel_between(5, 9));
	registry_free(p.registry);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flock_keeps_what_it_was_given),
		cmocka_unit_test(flocks_that_cannot_be_are_refused),
		cmocka_unit_test(shrouds_are_derived_for_each_pair),
		cmocka_unit_test(parties_follow_the_rules),
		cmocka_unit_test(parties_are_found_together),
		cmocka_unit_test(pairs_are_found_either_way_round),
		cmocka_unit_test(every_shroud_is_visited_once),
		cmocka_unit_test(a_registry_may_be_empty),
		cmocka_unit_test(many_flocks_are_all_found),
		cmocka_unit_test(peers_keep_what_is_counted_about_them),
		cmocka_unit_test(every_peer_is_found_by_its_address),
		cmocka_unit_test(a_flock_keeps_the_ambries_of_its_devices),
		cmocka_unit_test(a_pair_keeps_the_ambries_of_both),
		cmocka_unit_test(a_wrong_bundle_is_refused_and_changes_nothing),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
