/* SPDX-License-Identifier: ISC */
/*
 * What joins and approvals cost the API, each of them on a real disk before it is answered, with
 * few flocks and with many.  Compared with the database engine alone, which makes the same changes
 * to a copy of the database, with as many of them in a transaction and as many checkpoints as the
 * service had.  They take turns.  Client and service share the CPUs, and the engine has one of them
 * for itself: how much of one the client takes is said, too.  "100 x join": by 100 clients, each of
 * which asks again when it was answered.
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
#include <time.h>

#define ROUNDS_MOST   15
#define ROUNDS        7
#define MANY          100 /* connections */
#define WRITES_MOST   8000
#define WRITES_SHORT  1000
#define WRITES_EACH   50 /* of a flock in a round */
#define WRITES_SINGLE 400
#define REQUEST_ROOM  320
#define MEMORY_FLOCKS 100000

/* Of one size. */
struct place {
	struct estate estate, twin; /* the service's, and a copy for the engine alone */
	struct served served;
	struct bare_sql engine;
	struct load_request requests[WRITES_MOST];
	char texts[WRITES_MOST][REQUEST_ROOM];
};

struct kind {
	const char *name;
	unsigned status;
	bool pends; /* there are devices that wait */
	void (*write)(const struct estate *e, char *to, struct load_request *r, uint64_t n);
	void (*alone)(struct bare_sql *b, const struct bare_write *w);
};

/* What is done in a round, and how often. */
struct plan {
	const struct kind *kind;
	unsigned connections, rounds;
	size_t count;
};

/* Each round's values. */
struct series {
	double rate[ROUNDS_MOST], alone[ROUNDS_MOST], ratio[ROUNDS_MOST], group[ROUNDS_MOST];
	double cpu_us[ROUNDS_MOST], alone_us[ROUNDS_MOST], client_us[ROUNDS_MOST];
	double p99_full_us[ROUNDS_MOST], p99_half_us[ROUNDS_MOST];
};

static struct device_id
nth_device(uint64_t n)
{
	return (struct device_id){ (uint32_t)((n + 1) * UINT32_C(2654435761)) };
}

static void
write_join(const struct estate *e, char *to, struct load_request *r, uint64_t n)
{
	char cosk[32];
	int head;

	head = snprintf(to, REQUEST_ROOM,
	    "POST /v1/flocks/%016" PRIx64 "/devices HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "User-Agent: bench\r\nAccept: */*\r\nContent-Type: application/octet-stream\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    estate_flock(estate_nth(e, n)).value, sizeof(cosk));
	memset(cosk, (int)(n % 251), sizeof(cosk));
	memcpy(to + head, cosk, sizeof(cosk));
	*r = (struct load_request){ to, (size_t)head + sizeof(cosk) };
}

static void
write_approve(const struct estate *e, char *to, struct load_request *r, uint64_t n)
{
	uint32_t flock = estate_nth(e, n);
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

/* As it was, and with who waits to be approved. */
static void
prepare(struct estate *e, const struct plan *plan)
{
	uint64_t left;

	estate_begin(e);
	for (size_t i = 0; i < plan->count && i < e->flocks; i++)
		estate_tidy(e, estate_nth(e, i));
	for (size_t i = 0; plan->kind->pends && i < plan->count; i++)
		estate_pend(e, estate_nth(e, i), nth_device(i));
	estate_commit(e);
	store_checkpoint(e->session, &left);
}

static double
counted(const struct place *p, const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "reliquary_api_%s_total", what);
	return served_metric(&p->served, name);
}

static struct load
load_of(const struct place *p, const struct plan *plan)
{
	return (struct load){ .at = p->served.child.at,
		.connections = plan->connections,
		.requests = p->requests,
		.count = plan->count,
		.most = plan->count,
		.status = plan->kind->status };
}

/* Returns how many checkpoints there were. */
static size_t
write_full(struct place *p, const struct plan *plan, struct series *s, unsigned round)
{
	const struct load l = load_of(p, plan);
	double groups = counted(p, "groups"), jobs = counted(p, "group_jobs");
	double checkpoints = counted(p, "checkpoints");
	uint64_t before = child_cpu_ns(&p->served.child);
	struct load_result result;

	load_run_well(&l, &result);
	s->cpu_us[round] =
	    (double)(child_cpu_ns(&p->served.child) - before) / 1e3 / (double)result.answers;
	s->client_us[round] = result.cpu_us;
	s->rate[round] = (double)result.answers / result.seconds;
	s->p99_full_us[round] = result.p99_us;
	checkpoints = counted(p, "checkpoints") - checkpoints;
	groups = counted(p, "groups") - groups;
	s->group[round] = (counted(p, "group_jobs") - jobs) / groups;
	return (size_t)checkpoints;
}

static void
write_half(struct place *p, const struct plan *plan, struct series *s, unsigned round)
{
	struct load l = load_of(p, plan);
	struct load_result result;

	l.every_ns = (uint64_t)(2e9 * plan->connections / s->rate[round]);
	load_run_well(&l, &result);
	s->p99_half_us[round] = result.p99_us;
}

static uint64_t
own_cpu_ns(void)
{
	struct timespec cpu;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	return (uint64_t)cpu.tv_sec * NS_PER_S + (uint64_t)cpu.tv_nsec;
}

/* The same changes, in groups of that size. */
static void
write_alone(struct place *p, const struct plan *plan, size_t group, size_t checkpoints)
{
	size_t moved = 0;

	for (size_t i = 0; i < plan->count; i++) {
		uint32_t n = estate_nth(&p->twin, i);
		const struct bare_write w = { .flock = estate_flock(n),
			.owner = estate_owner(n),
			.id = nth_device(i),
			.kek = (uint8_t)(ESTATE_DEVICES + 1 + i / p->twin.flocks) };

		if (i % group == 0)
			bare_sql_begin(&p->engine);
		plan->kind->alone(&p->engine, &w);
		if (i % group != group - 1 && i != plan->count - 1)
			continue;
		bare_sql_commit(&p->engine);
		if ((i + 1) * checkpoints / plan->count > moved) {
			bare_sql_checkpoint(&p->engine);
			moved++;
		}
	}
}

static void
round_run(struct place *p, const struct plan *plan, struct series *s, unsigned round)
{
	uint64_t begun_ns, cpu_ns;
	size_t checkpoints;

	prepare(&p->estate, plan);
	prepare(&p->twin, plan);
	checkpoints = write_full(p, plan, s, round);
	cpu_ns = own_cpu_ns();
	begun_ns = clock_now().mono_ns;
	write_alone(p, plan, (size_t)(s->group[round] + 0.5), checkpoints);
	s->alone[round] = (double)plan->count * 1e9 / (double)(clock_now().mono_ns - begun_ns);
	s->alone_us[round] = (double)(own_cpu_ns() - cpu_ns) / 1e3 / (double)plan->count;
	s->ratio[round] = s->rate[round] / s->alone[round];
	prepare(&p->estate, plan);
	write_half(p, plan, s, round);
}

static void
print(const struct place *p, const struct plan *plan, const char *what, double *values,
    struct figure f)
{
	char name[64];

	f.value = median(values, plan->rounds);
	snprintf(name, sizeof(name), "%u x %s%s", plan->connections, plan->kind->name, what);
	figure_print_of(f, name, p->estate.flocks, "flocks");
}

static void
report(const struct place *p, const struct plan *plan, struct series *s)
{
	const struct figure us = { .unit = "us" };

	print(p, plan, ", the engine alone", s->alone, (struct figure){ .unit = "a second" });
	print(p, plan, ", its CPU", s->alone_us, us);
	print(p, plan, "", s->rate,
	    (struct figure){ .unit = "a second",
		.ratio = median(s->ratio, plan->rounds),
		.ratio_to = "the engine alone",
		.goal = "0.60" });
	print(p, plan, ", in a transaction", s->group, (struct figure){ .unit = "" });
	print(p, plan, ", CPU", s->cpu_us, us);
	print(p, plan, ", the client's CPU", s->client_us, us);
	print(p, plan, ", p99", s->p99_full_us, us);
	print(p, plan, ", p99 at half the rate", s->p99_half_us, us);
}

static void
measure(struct place *p, const struct kind *k, unsigned connections)
{
	struct plan plan = { .kind = k, .connections = connections, .rounds = ROUNDS };
	size_t there = (size_t)p->estate.flocks * WRITES_EACH;
	struct series s;

	plan.count = connections == 1 ? WRITES_SINGLE : WRITES_MOST;
	if (bench_is_short() && plan.count > WRITES_SHORT)
		plan.count = WRITES_SHORT;
	if (there < plan.count) {
		plan.count = there;
		plan.rounds = ROUNDS_MOST; /* they are short */
	}
	if (bench_is_short())
		plan.rounds = 1;
	for (size_t i = 0; i < plan.count; i++)
		k->write(&p->estate, p->texts[i], &p->requests[i], i);
	for (unsigned i = 0; i < plan.rounds; i++)
		round_run(p, &plan, &s, i);
	report(p, &plan, &s);
}

static void
measure_all(struct place *p, const char *folder, uint32_t flocks)
{
	const struct served_options o = { .folder = folder };
	char twin[BENCH_FOLDER + 8];

	estate_make(&p->estate, folder, flocks);
	estate_close(&p->estate);
	snprintf(twin, sizeof(twin), "%s/twin", folder);
	estate_copy(&p->twin, &p->estate, twin);
	estate_open(&p->estate);
	estate_open(&p->twin);
	p->served = served_start(&o);
	bare_sql_open(&p->engine, p->twin.db);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		measure(p, &kinds[i], MANY);
		measure(p, &kinds[i], 1);
	}
	figure_print_of(
	    (struct figure){ .value = (double)child_memory_kib(&p->served.child, "VmHWM") / 1024,
		.unit = "MiB",
		.goal = flocks == MEMORY_FLOCKS ? "below 64" : NULL },
	    "memory, at its most", flocks, "flocks");
	bare_sql_close(&p->engine);
	served_end(&p->served);
	estate_close(&p->twin);
	estate_close(&p->estate);
}

int
main(void)
{
	const uint32_t sizes[] = { 10, 1000, 100000 };
	struct place *p = calloc(1, sizeof(*p));
	size_t count = bench_is_short() ? 2 : 3;

	if (p == NULL)
		bench_give_up("memory");
	for (size_t i = 0; i < count; i++) {
		char folder[BENCH_FOLDER];

		bench_folder_make(folder);
		measure_all(p, folder, sizes[i]);
		bench_folder_remove(folder);
	}
	free(p);
	return EXIT_SUCCESS;
}
