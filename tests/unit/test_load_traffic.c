/* SPDX-License-Identifier: ISC */
/* Traffic through a relay that loses, doubles and holds back packets: all of it is counted. */
#include "base/clock.h"
#include "protocol/crypto/aead.h"
#include "tests/support/seed.h"
#include "tools/cathedral-load/traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PACKET 2048

static struct random randomness;
static const struct roster fleet = { .flocks = 2, .devices = 6, .seed = { { 9 } } };

/* Runs in the traffic's own thread, between its packets. */
struct relay {
	int fd;
	const struct lanes *lanes;
	bool bad;
	uint64_t seen, lost, doubled, held;
	size_t held_len;
	size_t held_lane;
	uint8_t held_bytes[PACKET];
};

static void
pass(const struct relay *r, size_t lane, const void *bytes, size_t len)
{
	struct sockaddr_storage to;
	socklen_t size = endpoint_to_sockaddr(&r->lanes->list[lane].at[1], &to);

	assert_int_equal(sendto(r->fd, bytes, len, 0, (struct sockaddr *)&to, size), len);
}

/* One in ten is lost, one doubled, one held back until the next has gone. */
static void
relay_one(struct relay *r, size_t lane, const uint8_t *bytes, size_t len)
{
	uint64_t what = r->bad ? r->seen++ % 10 : 0;

	if (what == 3) {
		r->lost++;
		return;
	}
	if (what == 7) {
		memcpy(r->held_bytes, bytes, len);
		r->held_len = len;
		r->held_lane = lane;
		return;
	}
	pass(r, lane, bytes, len);
	if (what == 5) {
		pass(r, lane, bytes, len);
		r->doubled++;
	}
	if (r->held_len > 0) {
		pass(r, r->held_lane, r->held_bytes, r->held_len);
		r->held_len = 0;
		r->held++;
	}
}

static uint64_t
relay_turn(void *arg, uint64_t now_ns)
{
	struct relay *r = arg;
	uint8_t bytes[PACKET];
	struct sockaddr_storage source;
	socklen_t size = sizeof(source);
	struct endpoint from;
	ssize_t len;

	while ((len = recvfrom(r->fd, bytes, sizeof(bytes), MSG_DONTWAIT,
		    (struct sockaddr *)&source, &size)) > 0) {
		assert_true(endpoint_from_sockaddr(&from, &source));
		for (size_t n = 0; n < r->lanes->count; n++) {
			if (endpoint_equal(&from, &r->lanes->list[n].at[0]))
				relay_one(r, n, bytes, (size_t)len);
		}
		size = sizeof(source);
	}
	return now_ns + NS_PER_MS / 5;
}

static struct endpoint
relay_open(struct relay *r, const struct lanes *lanes, bool bad)
{
	const struct endpoint any = endpoint_from_ipv4((uint8_t[]){ 127, 0, 0, 1 }, 0);
	struct sockaddr_storage at;
	socklen_t len = endpoint_to_sockaddr(&any, &at);
	struct endpoint ret;

	*r = (struct relay){ .fd = socket(AF_INET, SOCK_DGRAM, 0), .lanes = lanes, .bad = bad };
	assert_int_equal(bind(r->fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(r->fd, (struct sockaddr *)&at, &len), 0);
	assert_true(endpoint_from_sockaddr(&ret, &at));
	return ret;
}

static void
run(const struct traffic_wish *wish, struct pace pace, bool bad, struct relay *r,
    struct traffic_result *ret)
{
	struct traffic_aside aside = { relay_turn, r };
	struct volley *volley = volley_create(wish->merge);
	struct lanes lanes;
	struct lanes_where where = { .merge = wish->merge };
	struct traffic *t;
	struct fault why;

	where.first = where.second = relay_open(r, &lanes, bad);
	assert_non_null(volley);
	assert_true(lanes_open(&lanes, traffic_lanes(&fleet, wish), &where, &why));
	t = traffic_create(wish, &fleet, &lanes, volley, &randomness, &why);
	assert_non_null(t);
	for (int n = 0; n < 2; n++) { /* a second one does not count what was of the first */
		r->seen = r->lost = r->doubled = r->held = 0;
		r->held_len = 0;
		traffic_run(t, pace, NS_PER_S / 5, &aside, ret);
	}
	traffic_destroy(t);
	lanes_close(&lanes);
	volley_destroy(volley);
	close(r->fd);
}

static void
nothing_is_lost_where_nothing_is(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		const struct traffic_wish w = { .first = 1,
			.tunnels = 5,
			.sizes = { 200, 1400 },
			.size_count = 2,
			.burst = 2,
			.shroud = kind % 2 == 1,
			.merge = kind / 2 == 1 };
		struct traffic_result ret;
		struct relay r;

		run(&w, (struct pace){ .rate = 2000 }, false, &r, &ret);
		assert_in_range(ret.sent, 100, 400);
		assert_int_equal(ret.received, ret.sent);
		assert_int_equal(
		    ret.lost + ret.refused + ret.duplicates + ret.reordered + ret.strays, 0);
		assert_int_equal(ret.latency.count, ret.received);
		assert_in_range(ret.bytes, 200 * ret.sent, 1400 * ret.sent);
		assert_true(spent_all(&ret.spent) > 0);
	}
}

static void
trouble_is_counted(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		const struct traffic_wish w = { .tunnels = 1,
			.sizes = { 300 },
			.size_count = 1,
			.burst = 1,
			.shroud = kind % 2 == 1,
			.merge = kind / 2 == 1 };
		struct traffic_result ret;
		struct relay r;

		run(&w, (struct pace){ .rate = 2000 }, true, &r, &ret);
		assert_in_range(ret.sent, 100, 400);
		assert_true(r.lost > 5 && r.doubled > 5 && r.held > 5);
		assert_int_equal(ret.sent, ret.received + ret.lost);
		assert_int_equal(ret.lost, r.lost + (r.held_len > 0));
		assert_int_equal(ret.duplicates, r.doubled);
		assert_int_equal(ret.reordered, r.held);
	}
}

/* The same in turns: counts stand all along, and it goes on until it is stopped. */
static void
turns_are_the_same(void **state)
{
	const struct traffic_wish w = { .tunnels = 2,
		.sizes = { 300 },
		.size_count = 1,
		.burst = 1,
		.shroud = true,
		.merge = true };
	struct volley *volley = volley_create(true);
	struct lanes_where where = { .merge = true };
	uint64_t now_ns, until_ns;
	struct traffic_result ret;
	struct traffic_order order;
	struct lanes lanes;
	struct traffic *t;
	struct fault why;
	struct relay r;

	(void)state;
	where.first = where.second = relay_open(&r, &lanes, true);
	assert_true(lanes_open(&lanes, 1, &where, &why));
	t = traffic_create(&w, &fleet, &lanes, volley, &randomness, &why);
	assert_non_null(t);
	traffic_begin(t, (struct pace){ .rate = 2000 }, 3600 * NS_PER_S, &ret);
	assert_int_equal(traffic_order(t).unheard, 2);
	until_ns = clock_now().mono_ns + NS_PER_S / 5;
	while ((now_ns = clock_now().mono_ns) < until_ns + NS_PER_S / 20) {
		if (now_ns >= until_ns)
			traffic_stop(t);
		assert_true(traffic_turn(t, now_ns) >= now_ns);
		relay_turn(&r, now_ns);
		lanes_pause(NS_PER_MS / 5);
	}
	order = traffic_order(t);
	traffic_end(t);
	assert_in_range(ret.sent, 100, 450);
	assert_int_equal(order.unheard, 0);
	assert_int_equal(order.duplicates, r.doubled);
	assert_int_equal(ret.duplicates, r.doubled);
	assert_int_equal(ret.reordered, order.reordered);
	assert_int_equal(ret.lost, r.lost + (r.held_len > 0));
	/* The last ones of all are under way for ever: nothing later tells of them. */
	assert_in_range(order.missing, ret.lost - 2, ret.lost);
	assert_int_equal(ret.sent, ret.received + ret.lost);
	traffic_destroy(t);
	lanes_close(&lanes);
	volley_destroy(volley);
	close(r.fd);
}

/* More under way than the window are never; what is lost does not close it for ever. */
static void
window_goes_on_after_losses(void **state)
{
	const struct traffic_wish w = {
		.tunnels = 1, .sizes = { 64 }, .size_count = 1, .burst = 1
	};
	struct traffic_result ret;
	struct relay r;

	(void)state;
	run(&w, (struct pace){ .window = 20 }, false, &r, &ret);
	assert_int_equal(ret.lost, 0);
	assert_true(ret.sent > 100);
	run(&w, (struct pace){ .window = 20 }, true, &r, &ret);
	assert_int_equal(ret.sent, ret.received + ret.lost);
	assert_in_range(ret.lost, 10, 30);
}

/* Where nothing comes back, a window's worth is sent now and then, not all that goes out. */
static void
silence_opens_a_window_once(void **state)
{
	const struct traffic_wish w = {
		.tunnels = 1, .sizes = { 64 }, .size_count = 1, .burst = 1
	};
	struct volley *volley = volley_create(true);
	struct lanes_where where = { 0 };
	struct traffic_result ret;
	struct lanes lanes;
	struct traffic *t;
	struct fault why;
	struct relay r;

	(void)state;
	where.first = where.second = relay_open(&r, &lanes, false);
	assert_true(lanes_open(&lanes, 1, &where, &why));
	t = traffic_create(&w, &fleet, &lanes, volley, &randomness, &why);
	assert_non_null(t);
	traffic_run(t, (struct pace){ .window = 20 }, NS_PER_S / 2, NULL, &ret);
	assert_in_range(ret.sent, 20, 60);
	assert_int_equal(ret.lost, ret.sent);
	traffic_destroy(t);
	lanes_close(&lanes);
	volley_destroy(volley);
	close(r.fd);
}

/* ---- which lanes ---- */

static void
a_flock_has_a_lane(void **state)
{
	const struct roster large = { .flocks = 1000, .devices = 4 };
	struct traffic_wish w = { .first = 1, .tunnels = 2 };

	(void)state;
	assert_int_equal(traffic_lanes(&large, &w), 2);
	w.tunnels = 1;
	assert_int_equal(traffic_lanes(&large, &w), 1);
	w = (struct traffic_wish){ .tunnels = 2 * LANES_MAX };
	assert_int_equal(traffic_lanes(&large, &w), LANES_MAX);
	w.tunnels++;
	assert_int_equal(traffic_lanes(&large, &w), LANES_MAX);
	w.shroud = true;
	assert_int_equal(traffic_lanes(&large, &w), 0);
	assert_int_equal(traffic_lane(&large, 2 * LANES_MAX + 2, LANES_MAX), 1);
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
		cmocka_unit_test(nothing_is_lost_where_nothing_is),
		cmocka_unit_test(trouble_is_counted),
		cmocka_unit_test(turns_are_the_same),
		cmocka_unit_test(window_goes_on_after_losses),
		cmocka_unit_test(silence_opens_a_window_once),
		cmocka_unit_test(a_flock_has_a_lane),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
