/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/soak_report.h"

#include "base/clock.h"
#include "tools/cathedral-load/flat.h"
#include "tools/cathedral-load/gauge.h"
#include "tools/cathedral-load/show.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum column {
	NEAR_MEMORY,
	FAR_MEMORY,
	NEAR_FILES,
	FAR_FILES,
	NEAR_CPU,
	FAR_CPU,
	LOCAL_P50,
	LOCAL_P99,
	ACROSS_P50,
	ACROSS_P99,
	COLUMNS
};

/*
 * How much each may grow from the first quarter to the last: memory by what a table still fills
 * itself with, times by what other work on the machine may do to them.
 */
static const struct {
	const char *name;
	struct flat_rule rule;
} columns[COLUMNS] = {
	[NEAR_MEMORY] = { "near_memory_bytes", { 10, 1 << 20 } },
	[FAR_MEMORY] = { "far_memory_bytes", { 10, 1 << 20 } },
	[NEAR_FILES] = { "near_descriptors", { 0, 2 } },
	[FAR_FILES] = { "far_descriptors", { 0, 2 } },
	[NEAR_CPU] = { "near_cpu_percent", { 50, 2 } },
	[FAR_CPU] = { "far_cpu_percent", { 50, 2 } },
	[LOCAL_P50] = { "local_p50_us", { 100, 200 } },
	[LOCAL_P99] = { "local_p99_us", { 300, 5000 } },
	[ACROSS_P50] = { "across_p50_us", { 100, 200 } },
	[ACROSS_P99] = { "across_p99_us", { 300, 5000 } },
};

/*
 * As what packets of this soak may end: nothing else is sent.  Strangers send to near alone, so
 * that there some more cannot be told from theirs.
 */
static const struct {
	const char *verdict;
	bool near_alone;
} expected[] = {
	{ "relayed", false },
	{ "consumed", false },
	{ "unknown_identity", false },
	{ "identity_budget", false },
	{ "no_tunnel", false },
	{ "loop", false },
	{ "size", true },
	{ "unknown_kind", true },
	{ "not_allowed", true },
	{ "bad_seal", true },
	{ "spi", true },
	{ "sender", true },
	{ "stranger", true },
};

struct soak_report {
	bool json;
	uint64_t begun_ns, last_ns, samples;
	uint64_t cpu_ns[POSTS];              /* at the last sample */
	bool changed[POSTS];                 /* since then */
	json_t *unwanted[POSTS];             /* by verdict: the most that any process had */
	struct histogram before[2], latency; /* local, across, until the last sample; room */
	size_t count, room;
	double *values[COLUMNS], *scratch;
};

struct soak_report *
soak_report_create(bool json, uint64_t samples, struct fault *why)
{
	struct soak_report *r = calloc(1, sizeof(*r));
	bool ok = r != NULL;

	for (int n = 0; ok && n < COLUMNS; n++) {
		r->values[n] = calloc(samples, sizeof(double));
		ok = r->values[n] != NULL;
	}
	if (ok) {
		r->scratch = calloc(samples, sizeof(double));
		r->json = json;
		r->room = samples;
		r->begun_ns = r->last_ns = clock_now().mono_ns;
		r->changed[POST_NEAR] = r->changed[POST_FAR] = true;
		for (int n = 0; n < POSTS; n++)
			r->unwanted[n] = json_object();
		ok = r->scratch != NULL;
	}
	if (ok)
		return r;
	fault_set(why, "out of memory for samples");
	soak_report_destroy(r);
	return NULL;
}

void
soak_report_destroy(struct soak_report *r)
{
	if (r == NULL)
		return;
	for (int n = 0; n < COLUMNS; n++)
		free(r->values[n]);
	for (int n = 0; n < POSTS; n++)
		json_decref(r->unwanted[n]);
	free(r->scratch);
	free(r);
}

void
soak_report_changed(struct soak_report *r, enum soak_post_name n)
{
	r->changed[n] = true;
}

/* ---- samples ---- */

/* One sample. */
struct look {
	uint64_t passed_ns; /* since the one before */
	double values[COLUMNS];
};

static bool
look_at_process(struct soak_report *r, const struct soak_post *p, enum soak_post_name n,
    struct look *l, struct fault *why)
{
	uint64_t memory, cpu_ns, files;

	if (!process_memory(p->pid, &memory, why) || !process_cpu_ns(p->pid, &cpu_ns, why))
		return false;
	l->values[n == POST_NEAR ? NEAR_MEMORY : FAR_MEMORY] = (double)memory;
	if (process_descriptors(p->pid, &files))
		l->values[n == POST_NEAR ? NEAR_FILES : FAR_FILES] = (double)files;
	if (!r->changed[n] && l->passed_ns > 0)
		l->values[n == POST_NEAR ? NEAR_CPU : FAR_CPU] =
		    100 * (double)(cpu_ns - r->cpu_ns[n]) / (double)l->passed_ns;
	r->cpu_ns[n] = cpu_ns;
	r->changed[n] = false;
	return true;
}

static bool
may_be(const char *verdict, enum soak_post_name n)
{
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (strcmp(expected[i].verdict, verdict) == 0)
			return n == POST_NEAR || !expected[i].near_alone;
	}
	return false;
}

static bool
look_at_counters(
    struct soak_report *r, const struct soak_post *p, enum soak_post_name n, struct fault *why)
{
	json_t *counters = gauge_counters(p->control, why), *value, *most = r->unwanted[n];
	const char *name;

	if (counters == NULL)
		return false;
	json_object_foreach(counters, name, value)
	{
		json_int_t before = json_integer_value(json_object_get(most, name));

		if (json_integer_value(value) > before && !may_be(name, n))
			json_object_set(most, name, value);
	}
	json_decref(counters);
	return true;
}

/* which: of before. */
static void
look_at_times(struct soak_report *r, int which, const struct histogram *now, struct look *l)
{
	enum column p50 = which == 0 ? LOCAL_P50 : ACROSS_P50;

	r->latency = *now;
	histogram_subtract(&r->latency, &r->before[which]);
	r->before[which] = *now;
	if (r->latency.count == 0)
		return;
	l->values[p50] = (double)histogram_quantile(&r->latency, 0.5) / 1000;
	l->values[p50 + 1] = (double)histogram_quantile(&r->latency, 0.99) / 1000;
}

static uint64_t
unwanted(const struct soak_report *r, enum soak_post_name n)
{
	const char *name;
	uint64_t sum = 0;
	json_t *value;

	json_object_foreach(r->unwanted[n], name, value) sum += (uint64_t)json_integer_value(value);
	return sum;
}

static void
print_sample(struct soak_report *r, const double values[static COLUMNS],
    const struct soak_counts *c, double seconds)
{
	json_t *row = json_object();

	figure_real(row, "seconds", seconds);
	for (int n = 0; n < COLUMNS; n++) {
		if (isnan(values[n]))
			json_object_set_new(row, columns[n].name, json_null());
		else if (n <= FAR_FILES)
			figure_count(row, columns[n].name, (uint64_t)values[n]);
		else
			figure_real(row, columns[n].name, values[n]);
	}
	figure_count(row, "sent", c->local.sent + c->across.sent);
	figure_count(row, "local_missing", c->local.missing);
	figure_count(row, "across_missing", c->across.missing);
	figure_count(row, "reordered", c->local.reordered + c->across.reordered);
	figure_count(row, "near_unwanted", unwanted(r, POST_NEAR));
	figure_count(row, "far_unwanted", unwanted(r, POST_FAR));
	show_row(r->json, "sample", row, r->samples == 0);
}

bool
soak_report_sample(
    struct soak_report *r, const struct soak_site *s, struct soak_flows *f, struct fault *why)
{
	uint64_t now_ns = clock_now().mono_ns;
	struct look l = { .passed_ns = now_ns - r->last_ns };
	struct soak_counts counts;

	for (int n = 0; n < COLUMNS; n++)
		l.values[n] = NAN;
	for (int n = 0; n < POSTS; n++) {
		enum soak_post_name post = (enum soak_post_name)n;

		if (!look_at_process(r, &s->posts[n], post, &l, why) ||
		    !look_at_counters(r, &s->posts[n], post, why))
			return false;
	}
	soak_flows_count(f, &counts);
	look_at_times(r, 0, &counts.local.latency, &l);
	look_at_times(r, 1, &counts.across.latency, &l);
	print_sample(r, l.values, &counts, (double)(now_ns - r->begun_ns) / 1e9);
	for (int n = 0; n < COLUMNS && r->count < r->room; n++)
		r->values[n][r->count] = l.values[n];
	r->count += r->count < r->room;
	r->samples++;
	r->last_ns = now_ns;
	return true;
}

/* ---- at the end ---- */

struct verdicts_so_far {
	struct soak_report *r;
	bool kept, printed;
};

static void
print_growth(struct verdicts_so_far *so_far, int n)
{
	struct soak_report *r = so_far->r;
	struct flat_result got = flat_judge(r->values[n], r->count, &columns[n].rule, r->scratch);
	json_t *row = json_object();

	json_object_set_new(row, "figure", json_string(columns[n].name));
	json_object_set_new(row, "first_quarter", got.seen ? json_real(got.first) : json_null());
	json_object_set_new(row, "last_quarter", got.seen ? json_real(got.last) : json_null());
	json_object_set_new(row, "limit", got.seen ? json_real(got.limit) : json_null());
	json_object_set_new(row, "flat", json_boolean(got.flat));
	show_row(r->json, "growth", row, !so_far->printed);
	so_far->printed = true;
	so_far->kept = so_far->kept && got.flat;
}

static void
print_bound(struct verdicts_so_far *so_far, const char *name, uint64_t value, uint64_t limit)
{
	json_t *row = json_object();

	json_object_set_new(row, "count", json_string(name));
	figure_count(row, "value", value);
	figure_count(row, "limit", limit);
	json_object_set_new(row, "kept", json_boolean(value <= limit));
	show_row(so_far->r->json, "bound", row, !so_far->printed);
	so_far->printed = true;
	so_far->kept = so_far->kept && value <= limit;
}

static uint64_t
lost(const struct soak_group *g)
{
	return g->sent - g->received;
}

static void
print_bounds(struct verdicts_so_far *so_far, const struct soak_counts *c)
{
	const struct soak_report *r = so_far->r;
	const char *verdict;
	json_t *value;
	char name[64];

	print_bound(so_far, "local_lost", lost(&c->local), c->local.sent / 10000);
	print_bound(so_far, "across_lost", lost(&c->across),
	    c->dropped + c->line_refused + c->across.sent / 10000);
	print_bound(so_far, "reordered", c->local.reordered + c->across.reordered, 0);
	print_bound(so_far, "duplicates", c->local.duplicates + c->across.duplicates, 0);
	print_bound(so_far, "strays", c->local.strays + c->across.strays, 0);
	print_bound(so_far, "comers_unserved", c->comers.unserved, 0);
	print_bound(so_far, "comers_misled", c->comers.refused, 0);
	for (int n = 0; n < POSTS; n++) {
		json_object_foreach(r->unwanted[n], verdict, value)
		{
			snprintf(
			    name, sizeof(name), "%s_%s", n == POST_NEAR ? "near" : "far", verdict);
			print_bound(so_far, name, (uint64_t)json_integer_value(value), 0);
		}
	}
}

bool
soak_report_end(struct soak_report *r, const struct soak_counts *c, const struct soak_deeds *deeds)
{
	struct verdicts_so_far so_far = { r, deeds->ended_well, false };
	json_t *all = json_object();

	for (int n = 0; n < COLUMNS; n++)
		print_growth(&so_far, n);
	so_far.printed = false;
	print_bounds(&so_far, c);
	figure_real(all, "seconds", deeds->seconds);
	figure_count(all, "samples", r->samples);
	figure_count(all, "local_sent", c->local.sent);
	figure_count(all, "local_lost", lost(&c->local));
	figure_count(all, "across_sent", c->across.sent);
	figure_count(all, "across_lost", lost(&c->across));
	figure_count(all, "line_passed", c->passed);
	figure_count(all, "line_dropped", c->dropped);
	figure_count(all, "strangers", c->strangers);
	figure_count(all, "comers", c->comers.came);
	figure_count(all, "reloads", deeds->reloads);
	figure_count(all, "takeovers", deeds->takeovers);
	figure_real(all, "longest_takeover_ms", deeds->longest_takeover_ms);
	figure_times(all, "local", &c->local.latency);
	figure_times(all, "across", &c->across.latency);
	json_object_set_new(all, "ended_well", json_boolean(deeds->ended_well));
	json_object_set_new(all, "flat", json_boolean(so_far.kept));
	show_figures(r->json, "soak", all);
	return so_far.kept;
}
