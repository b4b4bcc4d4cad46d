/* SPDX-License-Identifier: ISC */
/* Key exchanges over the relay: the new SPI counts at once, and the old one still does. */
#include "tests/support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint32_t
new_spi(struct world *w, unsigned device)
{
	return (uint32_t)w->devices[device].d.config.tunnel.value << 16 |
	       (uint16_t)random_u64(&w->random);
}

static struct device_packet
exchange(struct world *w, unsigned device, uint32_t spi)
{
	struct device_moment now = world_moment(w);
	uint8_t body[515];
	struct device_exchange x = { .new_spi = spi, .body = body, .len = sizeof(body) };
	struct device_packet packet;

	random_bytes(&w->random, body, sizeof(body));
	assert_true(device_make_sacrament(&w->devices[device].d, &now, &x, &packet));
	return packet;
}

static void
send_exchange(struct world *w, unsigned device, uint32_t spi)
{
	struct device_packet packet = exchange(w, device, spi);

	world_send(w, device, &packet);
}

/* Whether data to the device under this SPI arrives. */
static bool
passes(struct world *w, unsigned to, uint32_t spi)
{
	unsigned from = world_peer(w, to);
	size_t serial;

	w->devices[from].d.tx_spi = spi;
	serial = world_send_data(w, from, 100);
	scene_run_s(w, 0.02);
	return world_arrived(w, serial) == 1;
}

/* Two devices that talk, just after the info of the first. */
static struct world *
rekey_begin(unsigned cathedrals, bool shrouded)
{
	struct world *w = scene_begin(cathedrals, shrouded, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, cathedrals - 1);

	world_open(w);
	scene_run_s(w, 20.1);
	scene_expect_talk(w, a);
	return w;
}

static void
new_spis_count_at_once(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		unsigned cathedrals = 1 + n / 2;
		struct world *w = rekey_begin(cathedrals, n % 2);
		struct device *d = &w->devices[0].d;
		uint32_t old = d->rx_active, fresh = new_spi(w, 0);

		d->rx_pending = fresh;
		assert_false(passes(w, 0, fresh));
		send_exchange(w, 0, fresh);
		scene_run_s(w, 0.01);
		assert_int_equal(w->devices[1].events[DEVICE_SACRAMENT], 1);
		assert_true(passes(w, 0, fresh));
		assert_true(passes(w, 0, old));
		for (unsigned c = 0; c < cathedrals; c++)
			assert_int_equal(world_stats(w, c).spi_learned, 1);

		/* Infos name both, then the new one alone. */
		scene_run_s(w, 10);
		assert_true(passes(w, 0, fresh));
		assert_true(passes(w, 0, old));
		d->rx_active = fresh;
		d->rx_pending = 0;
		scene_run_s(w, 10);
		assert_true(passes(w, 0, fresh));
		assert_false(passes(w, 0, old));
		scene_expect_verdicts(w, cathedrals - 1, VERDICT_DROP_SPI, 2);
		scene_end(w);
	}
}

static void
older_infos_take_nothing_away(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		struct world *w = rekey_begin(1 + n / 2, n % 2);
		struct device *d = &w->devices[0].d;
		uint32_t old = d->rx_active, fresh = new_spi(w, 0);
		struct device_moment now = world_moment(w);
		struct device_packet before;

		/* Made first, it arrives last: on the way it was overtaken. */
		device_make_info(d, &now, &before);
		d->config.info = false;
		d->rx_pending = fresh;
		scene_run_s(w, 4);
		send_exchange(w, 0, fresh);
		scene_run_s(w, 0.01);
		world_send(w, 0, &before);
		scene_run_s(w, 0.01);
		assert_true(passes(w, 0, fresh));
		assert_true(passes(w, 0, old));
		scene_end(w);
	}
}

/* An exchange that came to nothing: three infos later its SPI is forgotten. */
static void
learned_spis_are_forgotten(void **state)
{
	(void)state;
	for (unsigned cathedrals = 1; cathedrals <= 2; cathedrals++) {
		struct world *w = rekey_begin(cathedrals, false);
		struct device *d = &w->devices[0].d;
		uint32_t old = d->rx_active, fresh = new_spi(w, 0);

		send_exchange(w, 0, fresh);
		d->rx_pending = 0;
		scene_run_s(w, 14);
		passes(w, 0, fresh);
		/* The device does not know it either, but the cathedrals let it pass. */
		assert_int_equal(w->devices[0].events[DEVICE_WRONG_SPI], 1);
		scene_run_s(w, cathedrals == 1 ? 6 : 11);
		passes(w, 0, fresh);
		assert_int_equal(w->devices[0].events[DEVICE_WRONG_SPI], 1);
		scene_expect_verdicts(w, cathedrals - 1, VERDICT_DROP_SPI, 1);
		assert_true(passes(w, 0, old));
		scene_end(w);
	}
}

static void
strangers_teach_nothing(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = scene_begin(1, shrouded, 3);
		unsigned a = scene_tunnel(w, 0, 1, 0, 0), c = scene_tunnel(w, 2, 0, 0, 0);
		struct device *d = &w->devices[a].d;
		uint32_t fresh = new_spi(w, a);
		struct sacrament_header h = {
			.flock_src = d->config.flock,
			.flock_dst = d->config.flock_dst,
			.spi = fresh,
		};
		struct endpoint elsewhere = w->devices[a].at;
		uint8_t bytes[200] = { 0 };
		struct device_moment now;
		struct device_packet packet;

		world_open(w);
		scene_run_s(w, 11);
		d->rx_pending = fresh;
		now = world_moment(w);

		/* Another member in the name of the first. */
		sacrament_header_encode(&h, bytes);
		assert_true(device_make_raw(&w->devices[c].d, &now, bytes, sizeof(bytes), &packet));
		world_send(w, c, &packet);
		scene_run_s(w, 0.01);
		assert_int_equal(w->devices[a + 1].events[DEVICE_SACRAMENT], 0);
		scene_expect_verdicts(w, 0, VERDICT_DROP_SENDER, 1);
		assert_false(passes(w, a, fresh));

		/* The first's own, from elsewhere: only a shroud proves that it is. */
		packet = exchange(w, a, fresh);
		elsewhere.port++;
		world_post(w, &elsewhere, &packet.to, packet.bytes, packet.len);
		scene_run_s(w, 0.01);
		assert_int_equal(w->devices[a + 1].events[DEVICE_SACRAMENT], shrouded);
		assert_int_equal(passes(w, a, fresh), shrouded);
		scene_end(w);
	}
}

static void
both_ends_must_be_known(void **state)
{
	struct world *w = scene_begin(1, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);

	(void)state;
	w->devices[a + 1].off = true;
	world_open(w);
	scene_run_s(w, 1);
	send_exchange(w, a, new_spi(w, a));
	scene_run_s(w, 0.1);
	scene_expect_verdicts(w, 0, VERDICT_DROP_NO_TUNNEL, 1);

	w->devices[a + 1].off = false;
	w->devices[a + 1].d.config.info = false;
	send_exchange(w, a + 1, new_spi(w, a + 1));
	scene_run_s(w, 0.1);
	scene_expect_verdicts(w, 0, VERDICT_DROP_NO_TUNNEL, 2);
	assert_int_equal(world_stats(w, 0).spi_learned, 0);
	scene_end(w);
}

/* ---- a session: exchange after exchange while data flows ---- */

/* As a device does it: it listens to what it announces, and sends under what it is told. */
static void
take_part(struct world *w, unsigned device, const struct device_event *ev, void *arg)
{
	struct device *d = &w->devices[device].d;

	(void)arg;
	if (ev->kind != DEVICE_SACRAMENT)
		return;
	d->tx_spi = ev->sacrament.header.spi;
	/* The second one answers the first. */
	if (device == 1) {
		d->rx_active = d->rx_pending != 0 ? d->rx_pending : d->rx_active;
		d->rx_pending = new_spi(w, device);
		send_exchange(w, device, d->rx_pending);
	}
}

static void
nothing_is_lost_while_infos_lag(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		struct world *w = rekey_begin(1 + n / 2, n % 2);
		struct device *d = &w->devices[0].d;
		uint64_t due_ns = w->now_ns;
		size_t first = w->data_count;
		unsigned exchanges = 0;

		w->heard = take_part;
		w->line.delay_ns = 20 * NS_PER_MS;
		while (w->now_ns < 300 * NS_PER_S) {
			world_run(w, 20 * NS_PER_MS);
			for (unsigned i = 0; i < 2; i++)
				world_send_data(w, i, 30 + random_below(&w->random, 1000));
			if (w->now_ns < due_ns)
				continue;
			due_ns =
			    w->now_ns + 6 * NS_PER_S + random_u64(&w->random) % (20 * NS_PER_S);
			d->rx_active = d->rx_pending != 0 ? d->rx_pending : d->rx_active;
			d->rx_pending = new_spi(w, 0);
			send_exchange(w, 0, d->rx_pending);
			exchanges++;
		}
		scene_run_s(w, 1);
		assert_true(exchanges >= 10);
		assert_int_equal(w->devices[1].events[DEVICE_SACRAMENT], exchanges);
		assert_int_equal(w->devices[0].events[DEVICE_SACRAMENT], exchanges);
		for (size_t i = first; i < w->data_count; i++)
			assert_int_equal(world_arrived(w, i), 1);
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(w->devices[i].events[DEVICE_WRONG_SPI], 0);
		scene_end(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_spis_count_at_once),
		cmocka_unit_test(older_infos_take_nothing_away),
		cmocka_unit_test(learned_spis_are_forgotten),
		cmocka_unit_test(strangers_teach_nothing),
		cmocka_unit_test(both_ends_must_be_known),
		cmocka_unit_test(nothing_is_lost_while_infos_lag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
