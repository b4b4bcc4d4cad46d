/* SPDX-License-Identifier: ISC */
#include "tests/support/nat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PUBLIC 0xcb007101

static const struct udp4_end a = { 0x0a010002, 4500 }, b = { 0x0a010003, 4500 };
static const struct udp4_end hub = { 0xc0000201, 4500 }, hub_nat = { 0xc0000201, 4501 };
static const struct udp4_end stranger = { 0xc6336401, 9 };

/* The outside port under which from reaches to. */
static uint16_t
port_to(struct nat *n, struct udp4_end from, struct udp4_end to)
{
	struct udp4 p = { .from = from, .to = to };

	nat_outward(n, &p);
	assert_int_equal(p.from.ip, PUBLIC);
	assert_true(udp4_same_end(p.to, to));
	return p.from.port;
}

/* Whether a packet from an outside end to that port comes in, and to whom. */
static bool
comes_in(struct nat *n, struct udp4_end from, uint16_t port, struct udp4_end to)
{
	struct udp4 p = { .from = from, .to = { PUBLIC, port } };

	if (!nat_inward(n, &p))
		return false;
	assert_true(udp4_same_end(p.from, from));
	assert_true(udp4_same_end(p.to, to));
	return true;
}

static void
test_kinds(void **state)
{
	static const struct {
		enum nat_kind kind;
		bool one_port, stranger_in, second_port_in;
	} cases[] = {
		{ NAT_FULL_CONE, true, true, true },
		{ NAT_RESTRICTED, true, false, false },
		{ NAT_SYMMETRIC, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nat *n = nat_create(cases[i].kind, PUBLIC, 20000);
		uint16_t port = port_to(n, a, hub);

		assert_true(comes_in(n, hub, port, a));
		assert_int_equal(comes_in(n, stranger, port, a), cases[i].stranger_in);
		assert_int_equal(comes_in(n, hub_nat, port, a), cases[i].second_port_in);
		assert_int_equal(port_to(n, a, hub), port);
		assert_int_equal(port_to(n, a, hub_nat) == port, cases[i].one_port);
		assert_true(comes_in(n, hub_nat, port_to(n, a, hub_nat), a));
		assert_int_not_equal(port_to(n, b, hub), port);
		assert_true(comes_in(n, hub, port_to(n, b, hub), b));
		assert_false(comes_in(n, hub, 59999, a));
		nat_destroy(n);
	}
}

static void
test_none_leaves_all_alone(void **state)
{
	struct nat *n = nat_create(NAT_NONE, 0, 20000);
	struct udp4 p = { .from = a, .to = hub };

	(void)state;
	nat_outward(n, &p);
	assert_true(nat_inward(n, &p));
	assert_true(udp4_same_end(p.from, a) && udp4_same_end(p.to, hub));
	nat_destroy(n);
}

static void
test_other_addresses_stay_outside(void **state)
{
	struct nat *n = nat_create(NAT_FULL_CONE, PUBLIC, 20000);
	struct udp4 p = { .from = hub, .to = { PUBLIC + 1, port_to(n, a, hub) } };

	(void)state;
	assert_false(nat_inward(n, &p));
	nat_destroy(n);
}

static void
test_rebind(void **state)
{
	struct nat *n = nat_create(NAT_FULL_CONE, PUBLIC, 59999);
	uint16_t port = port_to(n, a, hub);

	(void)state;
	assert_int_equal(port, 59999);
	nat_rebind(n);
	assert_false(comes_in(n, hub, port, a));
	assert_int_equal(port_to(n, a, hub), 20000); /* past the last comes the first */
	assert_true(comes_in(n, hub, 20000, a));
	nat_destroy(n);
}

/* Fixed memory: whoever was silent longest loses its port. */
static void
test_bounded(void **state)
{
	struct nat *n = nat_create(NAT_FULL_CONE, PUBLIC, 20000);
	uint16_t first = port_to(n, a, hub), second = port_to(n, b, hub);

	(void)state;
	for (uint16_t i = 1; i < 255; i++) {
		port_to(n, (struct udp4_end){ 0x0a020000, i }, hub);
		assert_int_equal(port_to(n, a, hub), first);
	}
	assert_true(comes_in(n, hub, second, b));
	port_to(n, (struct udp4_end){ 0x0a020000, 255 }, hub);
	assert_true(comes_in(n, hub, first, a));
	assert_false(comes_in(n, hub, second, b));
	nat_destroy(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_none_leaves_all_alone),
		cmocka_unit_test(test_other_addresses_stay_outside),
		cmocka_unit_test(test_rebind),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests_name("nat", tests, NULL, NULL);
}
