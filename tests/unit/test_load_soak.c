/* SPDX-License-Identifier: ISC */
/* Parts of a soak: things done in turns by one thread, a bad line, tunnels that are kept known. */
#include "base/clock.h"
#include "protocol/crypto/aead.h"
#include "protocol/wire/kind.h"
#include "protocol/wire/offer.h"
#include "tests/support/seed.h"
#include "tools/cathedral-load/crossing.h"
#include "tools/cathedral-load/keeper.h"
#include "tools/cathedral-load/lanes.h"
#include "tools/cathedral-load/parties.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct random randomness;
static struct fault why;

static const struct roster fleet = { .flocks = 3, .devices = 4, .seed = { { 3 } } };

static int
open_socket(struct endpoint *at)
{
	const struct endpoint any = endpoint_from_ipv4((uint8_t[]){ 127, 0, 0, 1 }, 0);
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&any, &address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	assert_true(endpoint_from_sockaddr(at, &address));
	lanes_grow(fd);
	return fd;
}

static void
send_to(int fd, const struct endpoint *to, const void *bytes, size_t size)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(to, &address);

	assert_int_equal(sendto(fd, bytes, size, 0, (struct sockaddr *)&address, len), size);
}

/* ---- turns ---- */

struct counter {
	uint64_t turns, every_ns;
	int fd; /* read until nothing is there */
};

static uint64_t
count(void *arg, uint64_t now_ns)
{
	struct counter *c = arg;
	char byte;

	c->turns++;
	while (c->fd != -1 && recv(c->fd, &byte, 1, MSG_DONTWAIT) > 0)
		continue;
	return c->every_ns == 0 ? UINT64_MAX : now_ns + c->every_ns;
}

static uint64_t
turns_of(struct parties *p, const struct counter *c)
{
	uint64_t turns;

	pthread_mutex_lock(&p->lock);
	turns = c->turns;
	pthread_mutex_unlock(&p->lock);
	return turns;
}

static void
everybody_has_turns(void **state)
{
	struct counter often = { 0, 2 * NS_PER_MS, -1 }, never = { 0, 0, -1 }, woken = { 0 };
	struct endpoint at;
	struct parties p;
	uint64_t before;

	(void)state;
	woken.fd = open_socket(&at);
	assert_true(parties_open(&p, &why));
	assert_true(parties_add(&p, &(struct party){ count, &never, -1, UINT64_MAX }, &why));
	assert_true(parties_start(&p, &why));
	/* Also while it runs. */
	assert_true(parties_add(&p, &(struct party){ count, &often, -1, 0 }, &why));
	assert_true(parties_add(&p, &(struct party){ count, &woken, woken.fd, UINT64_MAX }, &why));
	before = clock_now().mono_ns;
	while (turns_of(&p, &often) < 20 && clock_now().mono_ns < before + 20 * NS_PER_S)
		lanes_pause(NS_PER_MS);
	assert_true(turns_of(&p, &often) >= 20);
	assert_true(clock_now().mono_ns - before >= 19 * 2 * NS_PER_MS);
	assert_int_equal(turns_of(&p, &woken), 0);
	send_to(woken.fd, &at, "x", 1);
	before = clock_now().mono_ns;
	while (turns_of(&p, &woken) == 0 && clock_now().mono_ns < before + 20 * NS_PER_S)
		lanes_pause(NS_PER_MS);
	parties_stop(&p);
	assert_true(woken.turns > 0);
	assert_int_equal(never.turns, 0);
	parties_close(&p);
	close(woken.fd);
}

static void
there_is_an_end_to_parties(void **state)
{
	struct counter c = { .fd = -1 };
	struct parties p;

	(void)state;
	assert_true(parties_open(&p, &why));
	for (int n = 0; n < PARTIES_MAX; n++)
		assert_true(parties_add(&p, &(struct party){ count, &c, -1, 0 }, &why));
	assert_false(parties_add(&p, &(struct party){ count, &c, -1, 0 }, &why));
	assert_string_equal(why.text, "more than 32 things at a time");
	parties_close(&p);
}

/* ---- the bad line ---- */

/* How many of so many numbered packets come through, in their order. */
static uint64_t
cross(struct crossing *c, const int fd[2], unsigned from)
{
	uint64_t came = 0;

	for (uint32_t n = 0; n < 1000; n += 50) {
		uint32_t got, last = 0;

		for (uint32_t i = n; i < n + 50; i++)
			send_to(fd[from], &c->at[from], &i, sizeof(i));
		crossing_turn(c, 0);
		while (recv(fd[1 - from], &got, sizeof(got), MSG_DONTWAIT) == sizeof(got)) {
			assert_true(came == 0 || got > last);
			last = got;
			came++;
		}
	}
	return came;
}

static void
a_part_is_lost_on_the_way(void **state)
{
	static const struct {
		double loss;
		uint64_t least, most;
	} cases[] = { { 0, 1000, 1000 }, { 0.1, 850, 950 }, { 0.5, 420, 580 } };

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct crossing c;
		struct endpoint ends[2], other;
		int fd[2], stranger = open_socket(&other);
		uint64_t came[2];

		assert_true(crossing_open(&c, cases[n].loss, &randomness, &why));
		fd[0] = open_socket(&ends[0]);
		fd[1] = open_socket(&ends[1]);
		assert_true(crossing_join(&c, ends, &why));
		came[0] = cross(&c, fd, 0);
		came[1] = cross(&c, fd, 1);
		assert_in_range(came[0], cases[n].least, cases[n].most);
		assert_in_range(came[1], cases[n].least, cases[n].most);
		assert_int_equal(c.passed, came[0] + came[1]);
		assert_int_equal(c.passed + c.dropped, 2000);
		assert_int_equal(c.refused, 0);
		/* Nobody else is let through. */
		send_to(stranger, &c.at[0], "x", 1);
		crossing_turn(&c, 0);
		assert_int_equal(c.passed + c.dropped, 2000);
		crossing_close(&c);
		close(fd[0]);
		close(fd[1]);
		close(stranger);
	}
}

/* ---- who is kept known ---- */

/* Whose offers came; all are of flocks that the fleet has. */
static void
take_offers(int fd, uint64_t counts[3][5])
{
	uint8_t bytes[2048];
	ssize_t len;

	while ((len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		struct offer_header h;

		assert_true(offer_header_decode(&h, bytes, (size_t)len));
		assert_int_equal(h.magic, MAGIC_KATEDRAL);
		assert_in_range(h.spi >> 8, 0, 2);
		assert_in_range(h.spi & 0xff, 1, 4);
		counts[h.spi >> 8][h.spi & 0xff]++;
	}
}

static void
each_end_tells_once_in_a_round(void **state)
{
	uint64_t now_ns = NS_PER_S, counts[3][5] = { { 0 } };
	struct lanes_where where = { 0 };
	struct lanes lanes;
	struct keeper k = { .roster = &fleet,
		.lanes = &lanes,
		.random = &randomness,
		.run = 1,
		.first = 1,
		.tunnels = 4 };
	int fd;

	(void)state;
	fd = open_socket(&where.first);
	where.second = where.first;
	assert_true(lanes_open(&lanes, 3, &where, &why));
	/* Three rounds and a bit. */
	while (now_ns < NS_PER_S + 3 * KEEPER_ROUND_NS + NS_PER_MS) {
		uint64_t due_ns = keeper_turn(&k, now_ns);

		assert_true(due_ns > now_ns);
		now_ns = due_ns;
		take_offers(fd, counts);
	}
	assert_int_equal(k.told, 24);
	/* Tunnels 1 to 4: the second of flock 0, both of flock 1, the first of flock 2. */
	for (uint32_t n = 0; n < 12; n++)
		assert_int_equal(counts[n / 4][n % 4 + 1], n >= 2 && n < 10 ? 3 : 0);

	/* After a pause there is no crowd. */
	keeper_turn(&k, now_ns + 10 * KEEPER_ROUND_NS);
	assert_in_range(k.told, 25, 34);
	assert_true(
	    keeper_turn(&k, now_ns + 10 * KEEPER_ROUND_NS) >= now_ns + 10 * KEEPER_ROUND_NS);
	lanes_close(&lanes);
	close(fd);
}

static int
prepare(void **state)
{
	(void)state;
	random_for_test(&randomness);
	return aead_init() ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_has_turns),
		cmocka_unit_test(there_is_an_end_to_parties),
		cmocka_unit_test(a_part_is_lost_on_the_way),
		cmocka_unit_test(each_end_tells_once_in_a_round),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
