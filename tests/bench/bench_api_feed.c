/* SPDX-License-Identifier: ISC */
/*
 * What the feed costs the API: bytes to a cathedral and CPU for each change, how soon all of them
 * hear of it, and what it takes to begin.  The real program with one thread on a CPU of its own,
 * and a database on a real disk; cathedrals are connections of this process, which do nothing with
 * what they hear.
 */
#include "base/clock.h"
#include "protocol/wire/bundle.h"
#include "reliquary-api/auth/secret_kind.h"
#include "reliquary-api/store/cathedrals.h"
#include "tests/support/estate.h"
#include "tests/support/figure.h"
#include "tests/support/listeners.h"
#include "tests/support/load.h"
#include "tests/support/members.h"
#include "tests/support/served.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define FLOCKS      1000
#define FLEET       1000
#define ROUNDS_MOST 100
#define BUNDLES     3
#define HEAD_ROOM   320

static unsigned rounds = ROUNDS_MOST;

static void
rest(uint64_t ms)
{
	const struct timespec t = { .tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000 * NS_PER_MS) };

	nanosleep(&t, NULL);
}

/* ---- the service ---- */

static void
fleet_token(unsigned n, char out[static TOKEN_TEXT])
{
	snprintf(out, TOKEN_TEXT, "%016x%016x", n + 1, 0x5eed);
}

static void
fleet_make(struct estate *e, unsigned count)
{
	char token[TOKEN_TEXT];

	estate_begin(e);
	for (unsigned n = 0; n < count; n++) {
		struct cathedral_row row = { .region = "eu", .port = 4500 };
		struct secret_hash hash;
		struct hash32 stored;

		fleet_token(n, token);
		hash = vault_hash(e->vault, SECRET_CATHEDRAL_TOKEN, token, strlen(token));
		memcpy(stored.bytes, hash.bytes, sizeof(stored.bytes));
		snprintf(row.name, sizeof(row.name), "cathedral-%u", n);
		snprintf(row.address, sizeof(row.address), "10.0.%u.%u", n / 250, 1 + n % 250);
		if (cathedral_add(e->session, &row, &stored, clock_now().wall_s) != STORE_OK)
			bench_give_up("a cathedral");
	}
	estate_commit(e);
}

/* What devices of flock 0 are called that ask to join it. */
static struct device_id
joiner(unsigned n)
{
	return (struct device_id){ 0xbe000000 + n };
}

static bool
fifth(void *arg, const struct device_row *d)
{
	struct device_id *ret = arg;

	if (d->kek == ESTATE_DEVICES)
		*ret = d->id;
	return true;
}

/* Flock 0 lacks its fifth device, and many want to be that. */
static void
flock_prepare(struct estate *e)
{
	const struct device_place start = { 0 };
	struct account_id owner = estate_owner(0);
	struct flock_id flock = estate_flock(0);
	int64_t now = clock_now().wall_s;
	struct device_id id = { 0 };

	estate_begin(e);
	if (device_list(e->session, owner, flock, start, 10, 0, fifth, &id) != STORE_OK ||
	    device_delete(e->session, owner, flock, id, 0, now) != STORE_OK)
		bench_give_up("a device");
	for (unsigned n = 0; n <= 3 * rounds + 1; n++)
		estate_pend(e, 0, joiner(n));
	estate_commit(e);
}

static struct served
serve(struct estate *e)
{
	const struct served_options o = { .folder = e->folder, .place = CHILD_APART, .threads = 1 };

	return served_start(&o);
}

/* ---- changes ---- */

static int owner_fd;

/* Flock 0's owner asks for something; returns when it was answered. */
static void
owner_ask(const struct load_request *r)
{
	char answer[4096];
	size_t sent = 0;
	ssize_t n = 0;

	while (sent < r->len &&
	       (n = send(owner_fd, (const char *)r->bytes + sent, r->len - sent, MSG_NOSIGNAL)) > 0)
		sent += (size_t)n;
	n = n > 0 ? recv(owner_fd, answer, sizeof(answer), 0) : n;
	if (n < 12 || memcmp(answer, "HTTP/1.1 2", 10) != 0)
		bench_give_up("a change");
}

static void
device_change(const char *method, const char *tail, unsigned n)
{
	char text[HEAD_ROOM], token[TOKEN_TEXT];
	struct load_request r = { .bytes = text };

	estate_token(0, token);
	r.len = (size_t)snprintf(text, sizeof(text),
	    "%s /v1/flocks/%016" PRIx64 "/devices/%08x%s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "x-token: %s\r\n\r\n",
	    method, estate_flock(0).value, joiner(n).value, tail, token);
	owner_ask(&r);
}

static void
bundle_upload(uint32_t generation)
{
	int64_t today = (clock_now().wall_s - AMBRY_EPOCH) / AMBRY_DAY;
	const struct bundle_plan plan = { .first = estate_flock(0),
		.second = estate_flock(0),
		.expires = (uint16_t)(today + 30),
		.generation = generation };
	char token[TOKEN_TEXT], *text;
	struct load_request r;
	size_t len;
	uint8_t *bundle = bundle_write(&plan, &len);

	text = malloc(HEAD_ROOM + len);
	if (text == NULL)
		bench_give_up("memory");
	estate_token(0, token);
	r.len = (size_t)snprintf(text, HEAD_ROOM,
	    "PUT /v1/flocks/%016" PRIx64 "/ambry HTTP/1.1\r\nHost: 127.0.0.1\r\nx-token: %s\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    plan.first.value, token, len);
	memcpy(text + r.len, bundle, len);
	r.bytes = text;
	r.len += len;
	owner_ask(&r);
	free(text);
	free(bundle);
}

/* ---- bytes, CPU, latency ---- */

struct series {
	double p50_us, p99_us, cpu_us; /* for a change */
	double bytes;                  /* to one, for an approval */
};

/* A device is approved, or removed again, while so many wait; none: only the change. */
static struct series
changes(const struct served *s, struct listeners *l, unsigned first)
{
	struct series ret = { .bytes = 0 };
	uint64_t before = child_cpu_ns(&s->child);

	listeners_forget_times(l);
	for (unsigned i = 0; i < rounds; i++) {
		listeners_ask(l);
		rest(10);
		device_change("POST", "/approve", first + i);
		ret.bytes = listeners_hear(l, clock_now().mono_ns);
		listeners_ask(l);
		rest(10);
		device_change("DELETE", "", first + i);
		listeners_hear(l, clock_now().mono_ns);
	}
	ret.cpu_us = (double)(child_cpu_ns(&s->child) - before) / 1e3 / (2 * rounds);
	ret.p50_us = listeners_quantile_us(l, 0.5);
	ret.p99_us = listeners_quantile_us(l, 0.99);
	return ret;
}

static struct listeners *
gather(const struct served *s, unsigned count)
{
	char token[TOKEN_TEXT];
	struct listeners *l = listeners_open(&s->child.at, count);

	for (unsigned n = 0; n < count; n++) {
		fleet_token(n, token);
		listeners_name(l, n, token);
	}
	return l;
}

/* All of them know what one has heard. */
static struct listeners *
gather_late(const struct served *s, unsigned count, uint64_t until)
{
	struct listeners *l = gather(s, count);

	listeners_go_on(l, until);
	return l;
}

static void
measure_bundles(const struct served *s, uint64_t until)
{
	struct listeners *l;
	double bytes = 0;

	device_change("POST", "/approve", 3 * rounds + 1);
	l = gather_late(s, 1, until);
	for (uint32_t i = 0; i < BUNDLES; i++) {
		listeners_ask(l);
		rest(10);
		bundle_upload(100 + i);
		bytes = listeners_hear(l, clock_now().mono_ns);
	}
	figure_print(&(struct figure){ .name = "to a cathedral for a bundle, 5 devices",
	    .value = bytes,
	    .unit = "bytes",
	    .goal = "far below 3,756,730" });
	listeners_close(l);
	device_change("DELETE", "", 3 * rounds + 1);
}

static void
measure_changes(const struct served *s, uint64_t until)
{
	static const unsigned counts[] = { 0, 1, 32 };
	struct series got;

	/* All that comes is with a bundle in place. */
	measure_bundles(s, until);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct listeners *l = gather_late(s, counts[i], until);

		got = changes(s, l, (unsigned)i * rounds);
		figure_print_of((struct figure){ .value = got.cpu_us, .unit = "us" },
		    "CPU for a change", counts[i], "waiting");
		if (counts[i] == 1)
			figure_print(
			    &(struct figure){ .name = "to a cathedral for an approval, 5 devices",
				.value = got.bytes,
				.unit = "bytes" });
		if (counts[i] > 0) {
			figure_print_of((struct figure){ .value = got.p50_us, .unit = "us" },
			    "from the owner's answer to theirs, p50", counts[i], "waiting");
			figure_print_of((struct figure){ .value = got.p99_us, .unit = "us" },
			    "from the owner's answer to theirs, p99", counts[i], "waiting");
		}
		listeners_close(l);
	}
}

/* ---- many ---- */

static void
measure_many(const struct served *s, uint64_t until)
{
	double memory = (double)child_memory_kib(&s->child, "VmRSS");
	struct listeners *l = gather_late(s, FLEET, until);
	uint64_t before;

	listeners_ask(l);
	rest(1000);
	if (served_metric(s, "reliquary_api_waiting") != FLEET)
		bench_give_up("not all of them wait");
	memory = (double)child_memory_kib(&s->child, "VmRSS") - memory;
	figure_print_of((struct figure){ .value = memory / FLEET, .unit = "KiB each" },
	    "memory with its connection", FLEET, "waiting");

	before = child_cpu_ns(&s->child);
	rest(2000);
	figure_print_of(
	    (struct figure){ .value = (double)(child_cpu_ns(&s->child) - before) / 2e9 * 100,
		.unit = "% of a CPU" },
	    "while nothing happens", FLEET, "waiting");

	listeners_forget_times(l);
	before = child_cpu_ns(&s->child);
	device_change("POST", "/approve", 3 * rounds);
	listeners_hear(l, clock_now().mono_ns);
	figure_print_of(
	    (struct figure){ .value = listeners_quantile_us(l, 0.5) / 1e3, .unit = "ms" },
	    "from the owner's answer to theirs, p50", FLEET, "waiting");
	figure_print_of((struct figure){ .value = listeners_quantile_us(l, 1) / 1e3, .unit = "ms" },
	    "until the last has its answer", FLEET, "waiting");
	figure_print_of((struct figure){ .value = (double)(child_cpu_ns(&s->child) - before) / 1e6,
			    .unit = "ms" },
	    "CPU for one change", FLEET, "waiting");
	listeners_close(l);
}

/* ---- all there is ---- */

/* One cathedral begins; where it ended. */
static uint64_t
measure_snapshot(const struct served *s, uint32_t flocks)
{
	uint64_t before = child_cpu_ns(&s->child), begun_ns = clock_now().mono_ns, until;
	struct listeners *l = gather(s, 1);
	double bytes;

	bytes = listeners_begin(l, &until);
	figure_print_of((struct figure){ .value = (double)(clock_now().mono_ns - begun_ns) / 1e6,
			    .unit = "ms" },
	    "all there is", flocks, "flocks");
	figure_print_of((struct figure){ .value = (double)(child_cpu_ns(&s->child) - before) / 1e6,
			    .unit = "ms" },
	    "all there is, CPU", flocks, "flocks");
	figure_print_of((struct figure){ .value = bytes / 1e6, .unit = "MB" }, "all there is",
	    flocks, "flocks");
	listeners_close(l);
	return until;
}

static void
measure_large(uint32_t flocks)
{
	char folder[BENCH_FOLDER];
	struct served s;
	struct estate e;

	bench_folder_make(folder);
	estate_make(&e, folder, flocks);
	fleet_make(&e, 1);
	estate_close(&e);
	s = serve(&e);
	measure_snapshot(&s, flocks);
	served_end(&s);
	bench_folder_remove(folder);
}

static void
measure(void)
{
	char folder[BENCH_FOLDER];
	struct served s;
	struct estate e;
	uint64_t until;

	bench_folder_make(folder);
	estate_make(&e, folder, FLOCKS);
	fleet_make(&e, FLEET);
	flock_prepare(&e);
	estate_close(&e);
	s = serve(&e);
	bench_stay_apart();
	owner_fd = load_connect(&s.child.at);
	if (owner_fd == -1)
		bench_give_up("the owner's connection");
	until = measure_snapshot(&s, FLOCKS);
	measure_changes(&s, until);
	until = measure_snapshot(&s, FLOCKS);
	measure_many(&s, until);
	bench_go_anywhere();
	served_end(&s);
	bench_folder_remove(folder);
}

int
main(void)
{
	if (bench_is_short())
		rounds = 10;
	measure();
	if (!bench_is_short()) {
		measure_large(10000);
		measure_large(100000);
	}
	return EXIT_SUCCESS;
}
