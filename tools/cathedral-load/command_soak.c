/* SPDX-License-Identifier: ISC */
/* soak: two cathedrals, and everything that can happen to them, for as long as is asked. */
#include "base/clock.h"
#include "protocol/crypto/secret.h"
#include "tools/cathedral-load/lanes.h"
#include "tools/cathedral-load/load_commands.h"
#include "tools/cathedral-load/soak_flows.h"
#include "tools/cathedral-load/soak_report.h"
#include "tools/cathedral-load/soak_site.h"
#include "tools/cathedral-load/stop.h"

#include <inttypes.h>
#include <stdio.h>

#define STEP_NS (20 * NS_PER_MS)

/* What is done again and again; 0: never. */
struct rhythm {
	uint64_t every_ns, due_ns;
};

struct soak {
	const struct load_options *o;
	struct random *random;
	struct roster roster;
	struct crossing crossing;
	struct soak_site site;
	struct soak_flows *flows;
	struct soak_report *report;
	struct soak_deeds deeds;
	struct rhythm sample, reload, takeover;
	bool met; /* so that there is something to report */
};

static bool
open_all(struct soak *s, struct fault *why)
{
	const struct load_options *o = s->o;
	struct soak_wish wish = {
		.program = o->program, .user = o->user, .workers = o->workers, .roster = &s->roster
	};
	struct soak_flows_wish flows = { &s->site, &s->roster, &s->crossing, o->rate,
		(double)o->strangers / 2, o->patience_ns };

	random_bytes(s->random, s->roster.seed.bytes, sizeof(s->roster.seed.bytes));
	if (!crossing_open(&s->crossing, o->loss / 100, s->random, why))
		return false;
	for (int n = 0; n < POSTS; n++)
		wish.seen[n] = s->crossing.at[n];
	if (!soak_site_open(&s->site, &wish, s->random, why))
		return false;
	s->flows = soak_flows_create(&flows, s->random, why);
	if (s->flows == NULL)
		return false;
	s->report = soak_report_create(o->json, o->run_ns / o->every_ns + 2, why);
	return s->report != NULL && soak_flows_start(s->flows, why);
}

static void
close_all(struct soak *s)
{
	struct fault ignored;

	soak_flows_destroy(s->flows);
	soak_report_destroy(s->report);
	soak_site_end(&s->site, &ignored);
	crossing_close(&s->crossing);
	secret_wipe(&s->roster.seed, sizeof(s->roster.seed));
}

/* ---- while it runs ---- */

static bool
is_due(struct rhythm *r, uint64_t now_ns)
{
	if (r->every_ns == 0 || now_ns < r->due_ns)
		return false;
	while (r->due_ns <= now_ns)
		r->due_ns += r->every_ns;
	return true;
}

static bool
reload(struct soak *s, struct fault *why)
{
	for (int n = 0; n < POSTS; n++) {
		if (!soak_site_reload(&s->site, (enum soak_post_name)n, &s->roster, s->random, why))
			return false;
		s->deeds.reloads++;
	}
	return true;
}

static bool
take_over(struct soak *s, struct fault *why)
{
	uint64_t begun_ns = clock_now().mono_ns;
	double ms;

	if (!soak_site_take_over(&s->site, POST_NEAR, why))
		return false;
	ms = (double)(clock_now().mono_ns - begun_ns) / 1e6;
	if (ms > s->deeds.longest_takeover_ms)
		s->deeds.longest_takeover_ms = ms;
	s->deeds.takeovers++;
	soak_report_changed(s->report, POST_NEAR);
	return true;
}

static bool
step(struct soak *s, uint64_t now_ns, struct fault *why)
{
	if (!soak_site_lives(&s->site, why))
		return false;
	if (is_due(&s->reload, now_ns) && !reload(s, why))
		return false;
	if (is_due(&s->takeover, now_ns) && !take_over(s, why))
		return false;
	return !is_due(&s->sample, now_ns) ||
	       soak_report_sample(s->report, &s->site, s->flows, why);
}

static bool
go_on(struct soak *s, struct fault *why)
{
	uint64_t begun_ns = clock_now().mono_ns, now_ns = begun_ns;
	bool ok = true;

	s->met = true;
	s->sample = (struct rhythm){ s->o->every_ns, begun_ns + s->o->every_ns };
	s->reload = (struct rhythm){ s->o->reload_ns, begun_ns + s->o->reload_ns };
	s->takeover = (struct rhythm){ s->o->takeover_ns, begun_ns + s->o->takeover_ns };
	while (ok && !stop_asked() && now_ns < begun_ns + s->o->run_ns) {
		lanes_pause(STEP_NS);
		now_ns = clock_now().mono_ns;
		ok = step(s, now_ns, why);
	}
	s->deeds.seconds = (double)(now_ns - begun_ns) / 1e9;
	return ok;
}

bool
run_soak(const struct load_options *o, struct random *random, struct fault *why)
{
	struct soak s = { .o = o,
		.random = random,
		.roster = { .flocks = SOAK_FLOCKS, .devices = SOAK_DEVICES },
		.crossing = { .fd = { -1, -1 }, .epoll = -1 } };
	struct soak_counts counts;
	bool ok = open_all(&s, why) && go_on(&s, why), flat = false, keep;
	struct fault end;

	if (s.met) {
		soak_flows_stop(s.flows);
		soak_flows_count(s.flows, &counts);
		s.deeds.ended_well = soak_site_end(&s.site, &end) && ok;
		if (ok && !s.deeds.ended_well)
			*why = end;
		flat = soak_report_end(s.report, &counts, &s.deeds);
		if (s.deeds.ended_well && !flat)
			fault_set(why, "not within its bounds: see above");
	}
	/* Who ends it before anything was seen does not want to look into it. */
	keep = !flat && (s.met || !stop_asked());
	close_all(&s);
	if (!keep)
		soak_site_remove(&s.site);
	else if (s.site.folder[0] != '\0')
		fprintf(stderr, "cathedral-load soak: what the cathedrals said is in %s\n",
		    s.site.folder);
	return flat;
}
