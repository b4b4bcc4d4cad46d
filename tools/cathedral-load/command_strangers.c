/* SPDX-License-Identifier: ISC */
/* strangers: the same traffic alone, then beside what nobody should have sent. */
#include "tools/cathedral-load/field.h"
#include "tools/cathedral-load/load_commands.h"
#include "tools/cathedral-load/strangers.h"

static bool
measure(struct field *f, struct strangers *s, struct traffic_result *ret, struct fault *why)
{
	struct gauge g = { .pid = (int64_t)f->o->pid, .control = f->o->control };
	struct traffic_aside aside = { strangers_turn, s };
	struct field_run run = { f->o->rate, f->o->run_ns, s != NULL ? &aside : NULL, &g };
	json_t *figures = json_object();
	bool ok;

	figure_real(figures, "strangers_a_second", 0);
	ok = field_measure(f, &run, figures, ret, why);
	if (ok && s != NULL) {
		figure_real(figures, "strangers_a_second",
		    (double)strangers_sent(s) * 1e9 / (double)f->o->run_ns);
		/* Of the relayed ones alone this would say nothing. */
		json_object_del(figures, "cpu_ns_a_packet");
	}
	if (ok)
		show_figures(f->o->json, s == NULL ? "quiet" : "strangers", json_incref(figures));
	json_decref(figures);
	return ok;
}

static bool
measure_both(struct field *f, struct random *random, struct fault *why)
{
	const struct load_options *o = f->o;
	struct strangers_wish wish = { o->at, o->sources, o->shroud, (double)o->strangers };
	struct traffic_result quiet, beside;
	struct strangers *s = strangers_create(&wish, &f->roster, random, why);
	bool ok = s != NULL && measure(f, NULL, &quiet, why) && measure(f, s, &beside, why);
	double before, after;
	json_t *figures;

	strangers_destroy(s);
	if (!ok)
		return false;
	before = (double)histogram_quantile(&quiet.latency, 0.99);
	after = (double)histogram_quantile(&beside.latency, 0.99);
	figures = json_object();
	figure_real(figures, "lost_percent",
	    beside.sent > 0 ? 100 * (double)beside.lost / (double)beside.sent : 0);
	figure_real(figures, "p99_ratio", before > 0 ? after / before : 0);
	show_figures(o->json, "difference", figures);
	return true;
}

bool
run_strangers(const struct load_options *o, struct random *random, struct fault *why)
{
	struct field_wish wish = { o->at, o->at, o->tunnels, o->others };
	struct field f;
	bool ok;

	if (o->strangers == 0 || o->sources == 0)
		return fault_set(why, "--strangers and --sources must be at least 1");
	if (!field_open(&f, o, &wish, random, why))
		return false;
	ok = field_meet(&f, why) && field_load(&f, why) && measure_both(&f, random, why);
	field_close(&f);
	return ok;
}
