/* SPDX-License-Identifier: ISC */
/* What the load tool sends and how it counts: marks under masks, tallies, paces, batches. */
#include "protocol/crypto/aead.h"
#include "protocol/crypto/shroud.h"
#include "tests/support/seed.h"
#include "tools/cathedral-load/ends.h"
#include "tools/cathedral-load/pace.h"
#include "tools/cathedral-load/packets.h"
#include "tools/cathedral-load/peek.h"
#include "tools/cathedral-load/tally.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct random randomness;

static const struct roster fleet = { .flocks = 4, .devices = 6, .seed = { { 7 } } };

/* ---- marks ---- */

static void
marks_survive(void **state)
{
	const struct mark m = { 1, 2, UINT64_C(0x300000004), 5 };
	struct data_header h = { .spi = 9, .flock_src = { 11 }, .flock_dst = { 12 } }, got;
	uint8_t blank[MARK_SIZE], *packet = malloc(MARK_PACKET);
	struct mark back;

	(void)state;
	data_header_encode(&h, packet);
	memcpy(blank, packet + MARK_AT, DATA_HEADER_SIZE - MARK_AT);
	memset(blank + DATA_HEADER_SIZE - MARK_AT, 0, MARK_PACKET - DATA_HEADER_SIZE);
	mark_put(packet + MARK_AT, blank, &m);
	assert_true(mark_read(&back, packet, MARK_PACKET));
	assert_memory_equal(&back, &m, sizeof(m));
	assert_true(data_header_decode(&got, packet, MARK_PACKET));
	assert_int_equal(got.spi, 9);
	assert_int_equal(got.seq, 4);
	assert_int_equal(got.pn, m.number);
	assert_int_equal(got.flock_src.value, 11);
	assert_int_equal(got.flock_dst.value, 12);
	free(packet);
}

static void
what_bears_no_mark_is_refused(void **state)
{
	uint8_t *packet = calloc(1, MARK_PACKET), blank[MARK_SIZE] = { 0 };
	struct mark m = { 1, 2, 3, 4 }, back;

	(void)state;
	assert_false(mark_read(&back, packet, MARK_PACKET));
	mark_put(packet + MARK_AT, blank, &m);
	assert_true(mark_read(&back, packet, MARK_PACKET));
	for (size_t len = 0; len < MARK_PACKET; len++) {
		uint8_t *shorter = malloc(len + (len == 0));

		memcpy(shorter, packet, len);
		assert_false(mark_read(&back, shorter, len));
		free(shorter);
	}
	packet[DATA_HEADER_SIZE] ^= 1;
	assert_false(mark_read(&back, packet, MARK_PACKET));
	free(packet);
}

/* ---- under a mask ---- */

static void
peeking_is_unmasking(void **state)
{
	(void)state;
	for (size_t len = PEEK_SIZE; len < 1475; len += 1 + random_below(&randomness, 40)) {
		uint8_t *packet = malloc(SHROUD_HEADER_SIZE + len), first[PEEK_SIZE], key[32];
		struct kmac_prefix mask;
		struct kmac_job job;

		random_bytes(&randomness, key, sizeof(key));
		random_bytes(&randomness, packet, SHROUD_HEADER_SIZE + len);
		kmac_prefix_init(&mask, "SANCTUM.SHROUD.KDF", key, sizeof(key));
		assert_true(peek(first, &mask, packet, SHROUD_HEADER_SIZE + len));
		job = shroud_job(&mask, packet, packet + SHROUD_HEADER_SIZE, len);
		kmac_mask(&job, 1);
		assert_memory_equal(first, packet + SHROUD_HEADER_SIZE, PEEK_SIZE);
		assert_false(peek(first, &mask, packet, SHROUD_HEADER_SIZE + PEEK_SIZE - 1));
		free(packet);
	}
}

static void
peeking_at_several_is_the_same(void **state)
{
	uint8_t key[32], first[PEEK_MANY][PEEK_SIZE], one[PEEK_SIZE];
	struct kmac_prefix mask;

	(void)state;
	random_bytes(&randomness, key, sizeof(key));
	kmac_prefix_init(&mask, "SANCTUM.SHROUD.KDF", key, sizeof(key));
	for (size_t count = 0; count <= PEEK_MANY; count++) {
		struct iovec packets[PEEK_MANY];

		for (size_t n = 0; n < count; n++) {
			size_t len =
			    SHROUD_HEADER_SIZE + PEEK_SIZE + random_below(&randomness, 1300);

			packets[n] = (struct iovec){ malloc(len), len };
			random_bytes(&randomness, packets[n].iov_base, len);
		}
		peek_many(first, &mask, packets, count);
		for (size_t n = 0; n < count; n++) {
			assert_true(peek(one, &mask, packets[n].iov_base, packets[n].iov_len));
			assert_memory_equal(one, first[n], PEEK_SIZE);
			free(packets[n].iov_base);
		}
	}
}

/* A prepared packet, marked, is what its receiver's cathedral can open. */
static void
check_packet(const struct prepared *p, const struct traffic_wish *w)
{
	const struct mark m = { 77, p->tunnel, 1000, 2000 };
	struct roster_tunnel t = roster_tunnel(&fleet, w->first + p->tunnel);
	size_t len = p->len;
	uint8_t *bytes = malloc(len), *inside = bytes;
	struct data_header h;
	struct mark back;

	mark_put(p->bytes + p->mark_at, p->blank, &m);
	memcpy(bytes, p->bytes, len);
	if (w->shroud) {
		struct kmac_prefix mask;
		struct kmac_job job;

		end_mask(&mask, &fleet, t.flock);
		inside += SHROUD_HEADER_SIZE;
		len -= SHROUD_HEADER_SIZE;
		job = shroud_job(&mask, bytes, inside, len);
		kmac_mask(&job, 1);
		len = shroud_unpadded(inside, len);
	}
	assert_int_equal(len, w->sizes[p->tunnel % w->size_count]);
	assert_true(data_header_decode(&h, inside, len));
	assert_int_equal(h.flock_src.value, roster_flock(t.flock).value);
	assert_int_equal(h.flock_dst.value, roster_flock(t.flock).value);
	assert_int_equal(spi_tunnel(h.spi).value, tunnel_between(t.second, t.first).value);
	assert_int_equal(h.pn, 1000);
	assert_int_equal(h.seq, 1000);
	assert_true(mark_read(&back, inside, len));
	assert_memory_equal(&back, &m, sizeof(m));
	free(bytes);
}

static void
packets_are_their_tunnels(void **state)
{
	struct traffic_wish w = { .first = 2,
		.tunnels = 7,
		.sizes = { 200, 1400 },
		.size_count = 2,
		.burst = 3,
		.run = 5 };

	(void)state;
	for (int shroud = 0; shroud < 2; shroud++) {
		struct packets p;
		struct fault why;

		w.shroud = shroud == 1;
		assert_true(packets_make(&p, &w, &fleet, 4, &randomness, &why));
		assert_true(p.count >= VOLLEY_BATCH);
		assert_int_equal(p.count % (w.tunnels * w.burst), 0);
		for (size_t n = 0; n < p.count; n++) {
			assert_int_equal(p.list[n].tunnel, n / w.burst % w.tunnels);
			check_packet(&p.list[n], &w);
			check_packet(&p.list[n], &w); /* marks do not pile up */
		}
		packets_free(&p);
	}
}

/* In the order of their tunnels, a flock's again and again, until as many can leave as one. */
static void
packets_that_merge_are_in_runs(void **state)
{
	struct traffic_wish w = { .first = 2,
		.tunnels = 7,
		.sizes = { 1280 },
		.size_count = 1,
		.burst = 2,
		.merge = true };

	(void)state;
	for (int shroud = 0; shroud < 2; shroud++) {
		size_t at = 0, counts[7] = { 0 };
		struct packets p;
		struct fault why;

		w.shroud = shroud == 1;
		assert_true(packets_make(&p, &w, &fleet, 4, &randomness, &why));
		while (at < p.count) {
			size_t n = at;

			for (; n < p.count && p.list[n].lane == p.list[at].lane; n++) {
				check_packet(&p.list[n], &w);
				counts[p.list[n].tunnel]++;
			}
			/* Tunnels 2; 3 to 5; 6 to 8 of the fleet: three in a flock, two packets. */
			assert_in_range(
			    n - at, volley_run(p.list[at].len) - 5, volley_run(p.list[at].len));
			at = n;
		}
		for (size_t n = 2; n < 7; n++)
			assert_int_equal(counts[n], counts[1]);
		packets_free(&p);
	}
}

static void
too_many_packets_are_refused(void **state)
{
	const struct traffic_wish w = {
		.tunnels = 12, .sizes = { 1400 }, .size_count = 1, .burst = 4000000
	};
	struct packets p;
	struct fault why;

	(void)state;
	assert_false(packets_make(&p, &w, &fleet, 4, &randomness, &why));
	assert_string_equal(why.text,
	    "48000000 packets would have to be prepared: too many; fewer tunnels, or shorter "
	    "bursts, need fewer");
}

/* ---- counting ---- */

static void
tallies_count(void **state)
{
	static const struct {
		uint64_t number;
		bool taken;
		uint64_t received, duplicates, reordered;
	} steps[] = {
		{ 1, true, 1, 0, 0 },
		{ 3, true, 2, 0, 0 },
		{ 2, true, 3, 0, 1 },
		{ 2, false, 3, 1, 1 },
		{ 3, false, 3, 2, 1 },
		{ 66, true, 4, 2, 1 },
		{ 3, false, 4, 3, 1 },
		{ 4, true, 5, 3, 2 },
		{ 1000, true, 6, 3, 2 },
		{ 900, false, 6, 4, 2 }, /* too old to be told from one that was there */
		{ 937, true, 7, 4, 3 },
		{ 936, false, 7, 5, 3 },
		{ 1001, true, 8, 5, 3 },
	};
	struct tally t = { 0 };

	(void)state;
	for (size_t n = 0; n < sizeof(steps) / sizeof(steps[0]); n++) {
		assert_int_equal(tally_take(&t, steps[n].number), steps[n].taken);
		assert_int_equal(t.received, steps[n].received);
		assert_int_equal(t.duplicates, steps[n].duplicates);
		assert_int_equal(t.reordered, steps[n].reordered);
	}
}

/* ---- pace ---- */

static void
rate_is_kept(void **state)
{
	struct pace p = { .rate = 1000, .start_ns = NS_PER_S, .end_ns = 11 * NS_PER_S };

	(void)state;
	assert_int_equal(pace_due(&p, 0, 0), 0);
	for (uint64_t ms = 1000; ms < 11000; ms += 7) {
		uint64_t now_ns = ms * NS_PER_MS;

		p.sent += pace_due(&p, 1000000, now_ns);
		assert_in_range(ms - 1000 - p.sent, 0, 1);
		assert_true(pace_next_ns(&p, now_ns) > now_ns);
		assert_true(pace_next_ns(&p, now_ns) <= now_ns + 2 * NS_PER_MS);
	}
	assert_int_equal(pace_due(&p, 0, 11 * NS_PER_S), 0);
	assert_int_equal(pace_next_ns(&p, 11 * NS_PER_S - 1), 11 * NS_PER_S);
}

/* Who slept for a second does not send a second's packets at once. */
static void
lateness_is_not_made_up_for(void **state)
{
	struct pace p = { .rate = 1000, .end_ns = UINT64_MAX };

	(void)state;
	p.sent += pace_due(&p, 0, 5 * NS_PER_S);
	assert_int_equal(p.sent, 101);
	p.sent += pace_due(&p, 0, 5 * NS_PER_S + NS_PER_MS);
	assert_in_range(p.sent, 101, 102);
	p.sent += pace_due(&p, 0, 5 * NS_PER_S + 50 * NS_PER_MS);
	assert_in_range(p.sent, 150, 152);
}

static void
windows_close(void **state)
{
	struct pace p = { .window = 10, .end_ns = UINT64_MAX };

	(void)state;
	assert_int_equal(pace_due(&p, 0, 1), 10);
	assert_int_equal(pace_due(&p, 7, 1), 3);
	assert_int_equal(pace_due(&p, 8, 1), 0); /* not for two alone */
	assert_int_equal(pace_due(&p, 10, 1), 0);
	assert_int_equal(pace_due(&p, 11, 1), 0);
	p.rate = 1000;
	assert_int_equal(pace_due(&p, 0, 5 * NS_PER_MS), 5);
	assert_int_equal(pace_due(&p, 6, 5 * NS_PER_MS), 4);
}

/* ---- batches ---- */

static void
send_and_take(bool merge, bool let)
{
	static const uint16_t sizes[] = { 500, 500, 500, 60, 60, 1400, 500, 500, 1, 2 };
	struct volley *v = volley_create(merge);
	uint8_t bytes[sizeof(sizes) / sizeof(sizes[0])][1400];
	struct iovec packets[sizeof(sizes) / sizeof(sizes[0])];
	const size_t count = sizeof(sizes) / sizeof(sizes[0]);
	const struct endpoint any = endpoint_from_ipv4((uint8_t[]){ 127, 0, 0, 1 }, 0);
	struct sockaddr_storage at;
	socklen_t len = endpoint_to_sockaddr(&any, &at);
	int from = socket(AF_INET, SOCK_DGRAM, 0), to = socket(AF_INET, SOCK_DGRAM, 0);
	uint64_t refused = 0;

	assert_non_null(v);
	assert_int_equal(bind(to, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(to, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(from, (struct sockaddr *)&at, len), 0);
	if (let)
		volley_let_merge(to);
	for (size_t n = 0; n < count; n++) {
		random_bytes(&randomness, bytes[n], sizeof(bytes[n]));
		packets[n] = (struct iovec){ bytes[n], sizes[n] };
	}
	assert_int_equal(volley_send(v, from, packets, count, &refused), count);
	assert_int_equal(refused, 0);
	assert_int_equal(volley_receive(v, to), count);
	for (size_t n = 0; n < count; n++) {
		struct iovec got = volley_packet(v, n);

		assert_int_equal(got.iov_len, sizes[n]);
		assert_memory_equal(got.iov_base, bytes[n], sizes[n]);
	}
	assert_int_equal(volley_receive(v, to), 0);

	/* Nobody listens any more: the first is sent in vain, then the kernel says so. */
	close(to);
	assert_int_equal(volley_send(v, from, packets, 1, &refused), 1);
	assert_int_equal(volley_send(v, from, packets, count, &refused), count);
	assert_in_range(refused, 1, count);
	close(from);
	volley_destroy(v);
}

static void
batches_arrive(void **state)
{
	(void)state;
	send_and_take(false, false);
	send_and_take(true, false);
	send_and_take(true, true);
}

/* A socket at a port of its own. */
static int
open_socket(struct sockaddr_storage *at, socklen_t *len)
{
	const struct endpoint any = endpoint_from_ipv4((uint8_t[]){ 127, 0, 0, 1 }, 0);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	*len = endpoint_to_sockaddr(&any, at);
	assert_int_equal(bind(fd, (struct sockaddr *)at, *len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, len), 0);
	return fd;
}

/* From one to a second, which sends on to a third: as one message when all of them merge. */
static void
what_came_merged_goes_on_so(void **state)
{
	(void)state;
	for (int merge = 0; merge < 2; merge++) {
		struct volley *v = volley_create(merge == 1);
		struct sockaddr_storage at[3];
		uint8_t bytes[8][700];
		struct iovec packets[8];
		socklen_t len[3];
		uint64_t refused = 0;
		int fd[3];
		size_t messages;

		assert_non_null(v);
		for (int n = 0; n < 3; n++) {
			fd[n] = open_socket(&at[n], &len[n]);
			if (merge == 1)
				volley_let_merge(fd[n]);
		}
		for (size_t n = 0; n < 8; n++) {
			random_bytes(&randomness, bytes[n], sizeof(bytes[n]));
			packets[n] = (struct iovec){ bytes[n], sizeof(bytes[n]) };
		}
		assert_int_equal(connect(fd[0], (struct sockaddr *)&at[1], len[1]), 0);
		assert_int_equal(volley_send(v, fd[0], packets, 8, &refused), 8);
		messages = volley_await(v, fd[1]);
		assert_int_equal(messages, merge == 1 ? 1 : 8);
		for (size_t n = 0; n < messages; n++) {
			assert_int_equal(volley_message(v, n).iov_len, 8 * 700 / messages);
			assert_memory_equal(volley_source(v, n), &at[0], len[0]);
			volley_forward(v, n, &at[2], len[2]);
		}
		assert_int_equal(volley_flush(v, fd[1]), messages);
		assert_int_equal(volley_receive(v, fd[2]), 8);
		for (size_t n = 0; n < 8; n++)
			assert_memory_equal(volley_packet(v, n).iov_base, bytes[n], 700);
		for (int n = 0; n < 3; n++)
			close(fd[n]);
		volley_destroy(v);
	}
}

/* One message of so many packets of 100 bytes; false where the kernel does not take as many. */
static bool
send_merged(int fd, const uint8_t *bytes, size_t count)
{
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(uint16_t))];
	} control;
	const uint16_t size = 100;
	struct iovec all = { (void *)(uintptr_t)bytes, 100 * count };
	struct msghdr m = { .msg_iov = &all,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room) };

	control.head.cmsg_level = IPPROTO_UDP;
	control.head.cmsg_type = UDP_SEGMENT;
	control.head.cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(&control.head), &size, sizeof(size));
	return sendmsg(fd, &m, 0) == (ssize_t)(100 * count);
}

/* Others merge more than this tool does. */
static void
the_longest_messages_are_taken_apart(void **state)
{
	static uint8_t bytes[128 * 100];
	static const size_t counts[] = { 64, 100, 128 };

	(void)state;
	random_bytes(&randomness, bytes, sizeof(bytes));
	for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++) {
		struct volley *v = volley_create(true);
		struct sockaddr_storage at[2];
		socklen_t len[2];
		int from = open_socket(&at[0], &len[0]), to = open_socket(&at[1], &len[1]);
		size_t sent = 0, got = 0, more;

		assert_non_null(v);
		volley_let_merge(to);
		assert_int_equal(connect(from, (struct sockaddr *)&at[1], len[1]), 0);
		for (int i = 0; i < 12 && send_merged(from, bytes, counts[n]); i++)
			sent += counts[n];
		assert_true(sent > 0 || counts[n] > 64);
		while ((more = volley_receive(v, to)) > 0) {
			for (size_t i = 0; i < more; i++, got++) {
				assert_int_equal(volley_packet(v, i).iov_len, 100);
				assert_memory_equal(volley_packet(v, i).iov_base,
				    bytes + got % counts[n] * 100, 100);
			}
		}
		assert_int_equal(got, sent);
		close(from);
		close(to);
		volley_destroy(v);
	}
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
		cmocka_unit_test(marks_survive),
		cmocka_unit_test(what_bears_no_mark_is_refused),
		cmocka_unit_test(peeking_is_unmasking),
		cmocka_unit_test(peeking_at_several_is_the_same),
		cmocka_unit_test(packets_are_their_tunnels),
		cmocka_unit_test(packets_that_merge_are_in_runs),
		cmocka_unit_test(too_many_packets_are_refused),
		cmocka_unit_test(tallies_count),
		cmocka_unit_test(rate_is_kept),
		cmocka_unit_test(lateness_is_not_made_up_for),
		cmocka_unit_test(windows_close),
		cmocka_unit_test(batches_arrive),
		cmocka_unit_test(what_came_merged_goes_on_so),
		cmocka_unit_test(the_longest_messages_are_taken_apart),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
