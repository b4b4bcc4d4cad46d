/* SPDX-License-Identifier: ISC */
/*
 * What a request costs the API with few flocks and with many: the real program, kept-alive
 * connections, a database on a real disk.  Reads are compared with the HTTP library that answers
 * the same bytes to everybody, both with one thread on a CPU of their own; writes with the database
 * engine alone, which makes the same changes in groups of the size that the service had.  Whatever
 * is compared takes turns.
 */
#include "base/clock.h"
#include "tests/support/bare_sql.h"
#include "tests/support/estate.h"
#include "tests/support/figure.h"
#include "tests/support/load.h"
#include "tests/support/served.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS_MOST   15
#define READERS       16  /* connections */
#define WRITERS       128 /* connections */
#define WRITES_MOST   4000
#define WRITES_EACH   50 /* of a flock in a round */
#define ASKED         4096
#define REQUEST_ROOM  320
#define MEMORY_GOAL   "below 64"
#define MEMORY_FLOCKS 100000

static unsigned rounds = 7;
static uint64_t read_ns = NS_PER_S;

struct requests {
	struct load_request list[ASKED];
	char text[ASKED][REQUEST_ROOM];
	size_t count;
};

/* Of one size. */
struct place {
	struct estate estate, twin; /* the service's, and a copy for the engine alone */
	struct requests requests;
	struct served served;
	uint32_t flocks;
};

/* Each round's values, and their middles. */
struct series {
	double values[ROUNDS_MOST];
};

static double
middle(struct series s)
{
	return median(s.values, rounds);
}

static void
report(const struct place *p, const char *what, struct figure f)
{
	char name[96];

	snprintf(name, sizeof(name), "%s, %" PRIu32 " flocks", what, p->flocks);
	f.name = name;
	figure_print(&f);
}

/* Flocks in an order that is far from theirs in the database; every one of them comes. */
static uint32_t
nth_flock(const struct place *p, uint64_t n)
{
	return (uint32_t)(n * UINT64_C(2654435761) % p->flocks);
}

static void
measure(const struct load *l, struct load_result *ret)
{
	if (!load_run(l, ret))
		bench_give_up("load");
	if (ret->wrong > 0 || ret->lost > 0 || ret->answers == 0) {
		fprintf(stderr,
		    "%" PRIu64 " right answers, %" PRIu64 " others, %" PRIu64 " connections lost\n",
		    ret->answers, ret->wrong, ret->lost);
		exit(EXIT_FAILURE);
	}
}

/* ---- reads ---- */

static void
write_reads(struct place *p)
{
	struct requests *r = &p->requests;
	char token[TOKEN_TEXT];

	r->count = p->flocks < ASKED ? p->flocks : ASKED;
	for (size_t i = 0; i < r->count; i++) {
		uint32_t n = nth_flock(p, i);

		estate_token(n, token);
		r->list[i].bytes = r->text[i];
		r->list[i].len = (size_t)snprintf(r->text[i], REQUEST_ROOM,
		    "GET /v1/flocks/%016" PRIx64 "/devices HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		    "User-Agent: bench\r\nAccept: */*\r\nx-token: %s\r\n\r\n",
		    estate_flock(n).value, token);
	}
}

struct cost {
	struct series rate, cpu_us, p99_us;
};

static void
read_once(const struct place *p, const struct child *c, struct cost *cost, unsigned round)
{
	const struct load l = { .at = c->at,
		.connections = READERS,
		.requests = p->requests.list,
		.count = p->requests.count,
		.run_ns = read_ns,
		.status = 200,
		.spins = true };
	uint64_t before = child_cpu_ns(c);
	struct load_result result;

	measure(&l, &result);
	cost->rate.values[round] = (double)result.answers / result.seconds;
	cost->cpu_us.values[round] =
	    (double)(child_cpu_ns(c) - before) / 1e3 / (double)result.answers;
	cost->p99_us.values[round] = result.p99_us;
}

static void
report_reads(const struct place *p, struct cost *ours, struct cost *bare)
{
	struct series ratio;

	for (unsigned i = 0; i < rounds; i++)
		ratio.values[i] = ours->rate.values[i] / bare->rate.values[i];
	report(
	    p, "fixed answer", (struct figure){ .value = middle(bare->rate), .unit = "a second" });
	report(
	    p, "fixed answer, CPU", (struct figure){ .value = middle(bare->cpu_us), .unit = "us" });
	report(p, "device list",
	    (struct figure){ .value = middle(ours->rate),
		.unit = "a second",
		.ratio = middle(ratio),
		.ratio_to = "fixed answers",
		.goal = "0.25" });
	report(p, "device list, CPU",
	    (struct figure){ .value = middle(ours->cpu_us), .unit = "us", .goal = "below 40" });
	report(p, "device list, 99 of 100 within",
	    (struct figure){ .value = middle(ours->p99_us),
		.unit = "us",
		.ratio = middle(ours->p99_us) / middle(bare->p99_us),
		.ratio_to = "fixed answers" });
}

static void
bench_reads(struct place *p)
{
	const struct served_options o = {
		.folder = p->estate.folder, .place = CHILD_APART, .threads = 1
	};
	struct child bare = child_function(bare_answer, child_free_port(), CHILD_APART);
	struct cost ours, theirs;

	p->served = served_start(&o);
	write_reads(p);
	bench_stay_apart();
	for (unsigned i = 0; i < rounds; i++) {
		read_once(p, &bare, &theirs, i);
		read_once(p, &p->served.child, &ours, i);
	}
	bench_go_anywhere();
	report_reads(p, &ours, &theirs);
	child_end(&bare);
	served_end(&p->served);
}

/* ---- writes ---- */

struct kind {
	const char *name;
	unsigned status;
	bool pends; /* there are devices that wait */
	void (*write)(const struct place *p, char *to, struct load_request *r, uint64_t n);
	void (*alone)(struct bare_sql *b, const struct bare_write *w);
};

static void
write_join(const struct place *p, char *to, struct load_request *r, uint64_t n)
{
	char cosk[32];
	int head;

	head = snprintf(to, REQUEST_ROOM,
	    "POST /v1/flocks/%016" PRIx64 "/devices HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "User-Agent: bench\r\nAccept: */*\r\nContent-Type: application/octet-stream\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    estate_flock(nth_flock(p, n)).value, sizeof(cosk));
	memset(cosk, (int)(n % 251), sizeof(cosk));
	memcpy(to + head, cosk, sizeof(cosk));
	*r = (struct load_request){ to, (size_t)head + sizeof(cosk) };
}

static struct device_id
nth_device(uint64_t n)
{
	return (struct device_id){ (uint32_t)((n + 1) * UINT32_C(2654435761)) };
}

static void
write_approve(const struct place *p, char *to, struct load_request *r, uint64_t n)
{
	uint32_t flock = nth_flock(p, n);
	char token[TOKEN_TEXT];

	estate_token(flock, token);
	r->bytes = to;
	r->len = (size_t)snprintf(to, REQUEST_ROOM,
	    "POST /v1/flocks/%016" PRIx64 "/devices/%08" PRIx32 "/approve HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\nx-token: %s\r\n"
	    "Content-Length: 0\r\n\r\n",
	    estate_flock(flock).value, nth_device(n).value, token);
}

static const struct kind kinds[] = {
	{ "join", 201, false, write_join, bare_sql_join },
	{ "approve", 200, true, write_approve, bare_sql_approve },
};

/* As it was, in both databases, and with who waits to be approved. */
static void
prepare_one(const struct place *p, struct estate *e, const struct kind *k, size_t count)
{
	uint64_t left;

	estate_begin(e);
	for (size_t i = 0; i < count && i < p->flocks; i++)
		estate_tidy(e, nth_flock(p, i));
	for (size_t i = 0; k->pends && i < count; i++)
		estate_pend(e, nth_flock(p, i), nth_device(i));
	estate_commit(e);
	store_checkpoint(e->session, &left);
}

struct writing {
	struct series rate, alone, ratio, cpu_us, p99_us, group;
};

static void
write_once(struct place *p, const struct kind *k, size_t count, struct writing *w, unsigned round)
{
	const struct load l = { .at = p->served.child.at,
		.connections = count < 4 * WRITERS ? (unsigned)count / 4 : WRITERS,
		.requests = p->requests.list,
		.count = count,
		.most = count,
		.status = k->status };
	double groups = served_metric(&p->served, "reliquary_api_groups_total");
	double jobs = served_metric(&p->served, "reliquary_api_group_jobs_total");
	uint64_t before = child_cpu_ns(&p->served.child);
	struct load_result result;

	measure(&l, &result);
	w->cpu_us.values[round] =
	    (double)(child_cpu_ns(&p->served.child) - before) / 1e3 / (double)result.answers;
	w->rate.values[round] = (double)result.answers / result.seconds;
	w->p99_us.values[round] = result.p99_us;
	groups = served_metric(&p->served, "reliquary_api_groups_total") - groups;
	jobs = served_metric(&p->served, "reliquary_api_group_jobs_total") - jobs;
	w->group.values[round] = jobs / groups;
}

/* The same changes in groups of that size. */
static double
alone_once(struct place *p, const struct kind *k, struct bare_sql *b, size_t count, size_t group)
{
	uint64_t begun_ns = clock_now().mono_ns;

	for (size_t i = 0; i < count; i++) {
		const struct bare_write w = { .flock = estate_flock(nth_flock(p, i)),
			.owner = estate_owner(nth_flock(p, i)),
			.id = nth_device(i),
			.kek = (uint8_t)(ESTATE_DEVICES + 1 + i / p->flocks) };

		if (i % group == 0)
			bare_sql_begin(b);
		k->alone(b, &w);
		if (i % group == group - 1 || i == count - 1)
			bare_sql_commit(b);
	}
	return (double)count * 1e9 / (double)(clock_now().mono_ns - begun_ns);
}

static void
report_writes(const struct place *p, const struct kind *k, const struct writing *w)
{
	char name[64];

	snprintf(name, sizeof(name), "%s, the engine alone", k->name);
	report(p, name, (struct figure){ .value = middle(w->alone), .unit = "a second" });
	report(p, k->name,
	    (struct figure){ .value = middle(w->rate),
		.unit = "a second",
		.ratio = middle(w->ratio),
		.ratio_to = "the engine alone",
		.goal = "0.60" });
	snprintf(name, sizeof(name), "%s, writes in a transaction", k->name);
	report(p, name, (struct figure){ .value = middle(w->group), .unit = "" });
	snprintf(name, sizeof(name), "%s, CPU", k->name);
	report(p, name, (struct figure){ .value = middle(w->cpu_us), .unit = "us" });
	snprintf(name, sizeof(name), "%s, 99 of 100 within", k->name);
	report(p, name, (struct figure){ .value = middle(w->p99_us), .unit = "us" });
}

static void
bench_kind(struct place *p, const struct kind *k, struct bare_sql *b)
{
	size_t count = (size_t)p->flocks * WRITES_EACH;
	struct writing w;

	count = count < WRITES_MOST ? count : WRITES_MOST;
	for (size_t i = 0; i < count; i++)
		k->write(p, p->requests.text[i], &p->requests.list[i], i);
	for (unsigned i = 0; i < rounds; i++) {
		prepare_one(p, &p->estate, k, count);
		prepare_one(p, &p->twin, k, count);
		write_once(p, k, count, &w, i);
		w.alone.values[i] = alone_once(p, k, b, count, (size_t)(w.group.values[i] + 0.5));
		w.ratio.values[i] = w.rate.values[i] / w.alone.values[i];
	}
	report_writes(p, k, &w);
}

static void
bench_writes(struct place *p)
{
	const struct served_options o = { .folder = p->estate.folder };
	struct bare_sql b;

	p->served = served_start(&o);
	bare_sql_open(&b, p->twin.db);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		bench_kind(p, &kinds[i], &b);
	bare_sql_close(&b);
	report(p, "memory, at its most",
	    (struct figure){ .value = (double)child_memory_kib(&p->served.child, "VmHWM") / 1024,
		.unit = "MiB",
		.goal = p->flocks == MEMORY_FLOCKS ? MEMORY_GOAL : NULL });
	served_end(&p->served);
}

/* ---- all of a size ---- */

static void
bench_size(uint32_t flocks, const char *folder)
{
	struct place *p = calloc(1, sizeof(*p));
	uint64_t begun_ns = clock_now().mono_ns;
	char twin[BENCH_FOLDER + 8];
	struct stat st;

	if (p == NULL)
		bench_give_up("memory");
	p->flocks = flocks;
	estate_make(&p->estate, folder, flocks);
	estate_close(&p->estate);
	snprintf(twin, sizeof(twin), "%s/twin", folder);
	estate_copy(&p->twin, &p->estate, twin);
	if (stat(p->estate.db, &st) == -1)
		bench_give_up(p->estate.db);
	printf("# %" PRIu32 " flocks of %d devices: %.1f MB, made in %.1f s\n", flocks,
	    ESTATE_DEVICES, (double)st.st_size / 1e6,
	    (double)(clock_now().mono_ns - begun_ns) / 1e9);
	bench_reads(p);
	estate_open(&p->estate);
	estate_open(&p->twin);
	bench_writes(p);
	estate_close(&p->twin);
	estate_close(&p->estate);
	free(p);
}

int
main(void)
{
	const uint32_t sizes[] = { 10, 1000, 100000 };
	size_t count = bench_is_short() ? 2 : 3;

	if (bench_is_short()) {
		rounds = 1;
		read_ns = NS_PER_S / 4;
	}
	for (size_t i = 0; i < count; i++) {
		char folder[BENCH_FOLDER];

		bench_folder_make(folder);
		bench_size(sizes[i], folder);
		bench_folder_remove(folder);
	}
	return EXIT_SUCCESS;
}
