/* SPDX-License-Identifier: ISC */
/* compare: a cathedral and an echo in its place, in turns, with the same packets. */
#include "tools/cathedral-load/child.h"
#include "tools/cathedral-load/echo.h"
#include "tools/cathedral-load/field.h"
#include "tools/cathedral-load/load_commands.h"
#include "tools/cathedral-load/stop.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_MAX  1000
#define MEET_NS     (45 * NS_PER_S) /* tunnels are met anew after that: they hold for 120 s */
#define WARM_UP_NS  (100 * NS_PER_MS)
#define HIGHER_PORT 7

#define SATURATED_ROUNDS 3 /* of each, to find out what comes through */

enum side { SIDE_CATHEDRAL, SIDE_ECHO, SIDES };

static const char *const side_names[SIDES] = { "cathedral", "echo" };

/* What one of the two did in one round. */
struct outcome {
	double cpu_ns, packets_a_second, p50_us, p99_us;
	uint64_t sent, received, lost, reordered;
	uint64_t user_ns, kernel_ns; /* of this tool */
};

struct contest {
	const struct load_options *o;
	pid_t pids[SIDES];
	bool started; /* the cathedral is ours to end */
	struct field fields[SIDES];
	size_t opened;
	struct outcome *outcomes[SIDES];
	double rate; /* packets a second; 0: as many as come back */
};

/* ---- both sides ---- */

struct echo_child {
	int fd;
	struct echo_wish wish;
};

static void
be_echo(void *arg)
{
	struct echo_child *e = arg;
	struct fault why;

	echo_serve(e->fd, &e->wish, &why);
}

/* Beside the cathedral, on a port that is free. */
static bool
start_echo(struct contest *c, struct endpoint *at, enum child_where where, struct fault *why)
{
	struct echo_child e = { .wish = {
				    .at = c->o->at, .from = c->o->at, .merge = c->o->merge } };

	e.wish.from.port = 0;
	if (c->o->from != NULL && !endpoint_parse_ip(&e.wish.from, c->o->from))
		return fault_set(why, "--from %s: expected an address", c->o->from);
	e.fd = -1;
	for (uint16_t n = 1; n < 20 && e.fd == -1; n++) {
		e.wish.at.port = (uint16_t)(c->o->at.port + n * HIGHER_PORT);
		e.fd = echo_open(&e.wish, why);
	}
	if (e.fd == -1)
		return false;
	*at = e.wish.at;
	c->pids[SIDE_ECHO] = child_work(be_echo, &e, where, why);
	close(e.fd);
	return c->pids[SIDE_ECHO] != 0;
}

static bool
start_sides(struct contest *c, struct endpoint at[static SIDES], struct fault *why)
{
	const struct load_options *o = c->o;
	enum child_where where = o->pin ? CHILD_LAST_CPU : CHILD_ANY_CPU;

	at[SIDE_CATHEDRAL] = o->at;
	c->pids[SIDE_CATHEDRAL] = (pid_t)o->pid;
	if (!start_echo(c, &at[SIDE_ECHO], where, why))
		return false;
	if (o->program != NULL) {
		const struct child_wish wish = { o->program, o->folder, "cathedral", where, false };

		c->pids[SIDE_CATHEDRAL] = child_cathedral(&wish, why);
		c->started = c->pids[SIDE_CATHEDRAL] != 0;
	}
	if (c->pids[SIDE_CATHEDRAL] == 0)
		return false;
	if (o->pin)
		child_keep_to(false);
	return true;
}

static bool
open_side(struct contest *c, enum side s, const struct endpoint *at, struct random *random,
    struct fault *why)
{
	struct field *f = &c->fields[s];
	struct field_wish wish = { *at, *at, c->o->tunnels, c->o->others };
	bool ok;

	if (!field_open(f, c->o, &wish, random, why))
		return false;
	c->opened++;
	f->forgets = s == SIDE_CATHEDRAL;
	ok = s == SIDE_ECHO ? echo_introduce(&f->lanes, f->volley, why) : field_meet(f, why);
	return ok && field_load(f, why);
}

static void
close_all(struct contest *c)
{
	for (size_t s = 0; s < c->opened; s++)
		field_close(&c->fields[s]);
	child_finish(c->pids[SIDE_ECHO]);
	if (c->started)
		child_finish(c->pids[SIDE_CATHEDRAL]);
	for (int s = 0; s < SIDES; s++)
		free(c->outcomes[s]);
}

/* ---- rounds ---- */

static double
each(uint64_t ns, uint64_t count)
{
	return count > 0 ? (double)ns / (double)count : 0;
}

static json_t *
row_of(uint64_t round, const char *side, const struct outcome *out)
{
	json_t *to = json_object();

	figure_count(to, "round", round);
	json_object_set_new(to, "side", json_string(side));
	figure_real(to, "cpu_ns_a_packet", out->cpu_ns);
	figure_real(to, "packets_a_second", out->packets_a_second);
	figure_real(to, "p50_us", out->p50_us);
	figure_real(to, "p99_us", out->p99_us);
	figure_count(to, "sent", out->sent);
	figure_count(to, "lost", out->lost);
	figure_count(to, "reordered", out->reordered);
	figure_real(to, "own_user_ns_a_packet", each(out->user_ns, out->received));
	figure_real(to, "own_kernel_ns_a_packet", each(out->kernel_ns, out->received));
	return to;
}

static bool
measure_side(struct contest *c, enum side s, struct outcome *out, struct fault *why)
{
	struct field *f = &c->fields[s];
	struct gauge g = { .pid = c->pids[s] };
	struct field_run warm = { c->rate, WARM_UP_NS, NULL, NULL };
	struct field_run run = { c->rate, c->o->run_ns, NULL, &g };
	json_t *figures = json_object();
	struct traffic_result r;
	bool ok = s == SIDE_ECHO || clock_now().mono_ns < f->met_ns + MEET_NS || field_meet(f, why);

	ok = ok && field_measure(f, &warm, NULL, &r, why) &&
	     field_measure(f, &run, figures, &r, why);
	if (ok && r.received == 0)
		ok = fault_set(why, "nothing comes through the %s", side_names[s]);
	if (ok)
		*out = (struct outcome){
			json_real_value(json_object_get(figures, "cpu_ns_a_packet")),
			json_real_value(json_object_get(figures, "packets_a_second")),
			json_real_value(json_object_get(figures, "latency_p50_us")),
			json_real_value(json_object_get(figures, "latency_p99_us")),
			r.sent,
			r.received,
			r.lost,
			r.reordered,
			r.spent.user_ns,
			r.spent.kernel_ns,
		};
	json_decref(figures);
	return ok;
}

/* Rounds of one kind, in turns. */
static bool
run_rounds(struct contest *c, uint64_t rounds, const char *what, struct fault *why)
{
	for (uint64_t round = 0; round < rounds && !stop_asked(); round++) {
		for (int n = 0; n < SIDES; n++) {
			/* Who begins takes turns as well. */
			enum side s = (enum side)((n + (int)(round % 2)) % SIDES);
			struct outcome *out = &c->outcomes[s][round];

			if (!measure_side(c, s, out, why))
				return false;
			show_row(c->o->json, what, row_of(round + 1, side_names[s], out),
			    round == 0 && n == 0);
		}
	}
	return !stop_asked() || fault_set(why, "ended by a signal");
}

/* ---- medians ---- */

static int
by_double(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static double
middle(const struct outcome *all, uint64_t count, size_t offset)
{
	double values[ROUNDS_MAX + SATURATED_ROUNDS];

	for (uint64_t n = 0; n < count; n++)
		memcpy(&values[n], (const char *)&all[n] + offset, sizeof(values[n]));
	qsort(values, count, sizeof(values[0]), by_double);
	return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static uint64_t
sum(const struct outcome *all, uint64_t count, size_t offset)
{
	uint64_t total = 0, one;

	for (uint64_t n = 0; n < count; n++) {
		memcpy(&one, (const char *)&all[n] + offset, sizeof(one));
		total += one;
	}
	return total;
}

static void
show_medians(const struct contest *c)
{
	static const struct {
		const char *name;
		size_t offset;
	} columns[] = {
		{ "cpu_ns_a_packet", offsetof(struct outcome, cpu_ns) },
		{ "packets_a_second", offsetof(struct outcome, packets_a_second) },
		{ "p50_us", offsetof(struct outcome, p50_us) },
		{ "p99_us", offsetof(struct outcome, p99_us) },
	};
	json_t *figures = json_object();
	uint64_t rounds = c->o->rounds, received;
	char name[64];

	figure_count(figures, "rounds", rounds);
	for (size_t n = 0; n < sizeof(columns) / sizeof(columns[0]); n++) {
		double values[SIDES];

		for (int s = 0; s < SIDES; s++) {
			values[s] = middle(c->outcomes[s], rounds, columns[n].offset);
			snprintf(name, sizeof(name), "%s_%s", side_names[s], columns[n].name);
			figure_real(figures, name, values[s]);
		}
		snprintf(name, sizeof(name), "ratio_%s", columns[n].name);
		figure_real(
		    figures, name, values[SIDE_ECHO] > 0 ? values[0] / values[SIDE_ECHO] : 0);
	}
	for (int s = 0; s < SIDES; s++) {
		snprintf(name, sizeof(name), "%s_lost", side_names[s]);
		figure_count(
		    figures, name, sum(c->outcomes[s], rounds, offsetof(struct outcome, lost)));
	}
	figure_count(figures, "cathedral_reordered",
	    sum(c->outcomes[0], rounds, offsetof(struct outcome, reordered)));
	/* Of all rounds: in one of them the kernel does not look often enough. */
	received = sum(c->outcomes[0], rounds, offsetof(struct outcome, received));
	figure_real(figures, "own_user_ns_a_packet",
	    each(sum(c->outcomes[0], rounds, offsetof(struct outcome, user_ns)), received));
	figure_real(figures, "own_kernel_ns_a_packet",
	    each(sum(c->outcomes[0], rounds, offsetof(struct outcome, kernel_ns)), received));
	show_figures(c->o->json, "medians", figures);
}

/* ---- half of what comes through ---- */

/*
 * What comes through the cathedral and through the echo when as many are sent as come back: half
 * of the lower of the two is a rate that both can stand.
 */
static bool
find_half(struct contest *c, struct fault *why)
{
	double lower = 0;
	json_t *figures;
	char name[64];

	c->rate = 0;
	if (!run_rounds(c, SATURATED_ROUNDS, "saturated", why))
		return false;
	figures = json_object();
	for (int s = 0; s < SIDES; s++) {
		double here = middle(
		    c->outcomes[s], SATURATED_ROUNDS, offsetof(struct outcome, packets_a_second));

		snprintf(name, sizeof(name), "%s_packets_a_second", side_names[s]);
		figure_real(figures, name, here);
		lower = s == 0 || here < lower ? here : lower;
	}
	c->rate = lower / 2;
	figure_real(figures, "rate", c->rate);
	show_figures(c->o->json, "half", figures);
	return true;
}

bool
run_compare(const struct load_options *o, struct random *random, struct fault *why)
{
	struct contest c = { .o = o, .rate = o->rate };
	struct endpoint at[SIDES];
	bool ok = true;

	for (int s = 0; s < SIDES; s++) {
		c.outcomes[s] = calloc(o->rounds + SATURATED_ROUNDS, sizeof(struct outcome));
		ok = ok && (c.outcomes[s] != NULL || fault_set(why, "out of memory"));
	}
	ok = ok && start_sides(&c, at, why);
	for (int s = 0; ok && s < SIDES; s++)
		ok = open_side(&c, (enum side)s, &at[s], random, why);
	ok = ok && (!o->half || find_half(&c, why)) && run_rounds(&c, o->rounds, "round", why);
	if (ok)
		show_medians(&c);
	close_all(&c);
	return ok;
}
