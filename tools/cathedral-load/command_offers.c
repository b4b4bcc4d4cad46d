/* SPDX-License-Identifier: ISC */
/* register: as many offers as a cathedral takes, or as it is told. */
#include "protocol/crypto/secret.h"
#include "protocol/crypto/sign.h"
#include "protocol/wire/offer.h"
#include "tools/cathedral-load/field.h"
#include "tools/cathedral-load/load_commands.h"
#include "tools/cathedral-load/stop.h"

#include <inttypes.h>

#define VERIFIED 500

/* What a signature alone costs here and now, in nanoseconds: nothing accepts an offer for less. */
static double
verify_ns(const struct roster *r)
{
	static const uint8_t data[OFFER_DATA_SIZE];
	uint8_t signature[SIGNATURE_SIZE];
	struct cosk_secret secret;
	struct cosk_public public;
	uint64_t begun_ns;
	bool good = true;

	roster_signing(r, 0, &secret, &public);
	sign_make(signature, data, sizeof(data), &secret);
	secret_wipe(&secret, sizeof(secret));
	begun_ns = clock_thread_cpu_ns();
	for (int n = 0; n < VERIFIED && good; n++)
		good = sign_verify(signature, data, sizeof(data), &public);
	return good ? (double)(clock_thread_cpu_ns() - begun_ns) / VERIFIED : 0;
}

static double
each(uint64_t ns, uint64_t count)
{
	return count > 0 ? (double)ns / (double)count : 0;
}

static json_t *
figures_of(const struct muster_result *r, uint64_t round, double bare_ns, uint64_t cpu_ns)
{
	json_t *to = json_object();

	figure_count(to, "round", round);
	figure_count(to, "sent", r->sent);
	figure_count(to, "answered", r->answered);
	figure_count(to, "unanswered", r->sent - r->answered);
	figure_real(
	    to, "answers_a_second", r->took_ns > 0 ? each(r->answered, r->took_ns) * 1e9 : 0);
	figure_times(to, "answer", &r->answer);
	if (cpu_ns > 0) {
		figure_real(to, "cpu_ns_an_offer", each(cpu_ns, r->answered));
		figure_real(to, "bare_verification_ns", bare_ns);
		figure_real(to, "ratio", each(cpu_ns, r->answered) / bare_ns);
	}
	figure_real(to, "own_cpu_ns_made", each(r->made_cpu_ns, r->sent));
	figure_real(to, "own_cpu_ns_sent", each(r->sent_cpu_ns, r->sent));
	return to;
}

/* The same devices again each time: the first round finds their tunnels unknown. */
static bool
run_round(struct field *f, uint64_t round, struct gauge *g, struct fault *why)
{
	const struct load_options *o = f->o;
	const struct pace pace = { .rate = o->rate, .window = o->window };
	struct muster_result result = { 0 };
	double bare_ns = verify_ns(&f->roster);
	json_t *counted, *figures;
	uint64_t cpu_ns;
	bool ok;

	if (!muster_prepare(f->muster, 2 * o->first, o->offers, f->random, why) ||
	    !gauge_begin(g, why))
		return false;
	muster_send(f->muster, pace, &result);
	ok = gauge_end(g, &cpu_ns, &counted, why);
	if (ok) {
		figures = figures_of(&result, round, bare_ns, cpu_ns);
		if (counted != NULL && o->json)
			json_object_set(figures, "counted", counted);
		show_row(o->json, "register", figures, round == 1);
	}
	json_decref(counted);
	return ok;
}

bool
run_offers(const struct load_options *o, struct random *random, struct fault *why)
{
	struct field_wish wish = { o->at, o->at, (o->offers + 1) / 2, 0 };
	struct gauge g = { .pid = (int64_t)o->pid, .control = o->control };
	struct field f;
	bool ok = true;

	if (o->offers == 0 || o->offers > MUSTER_PART_MAX)
		return fault_set(why,
		    "--offers must be within 1 and %d: offers grow stale in ten seconds",
		    MUSTER_PART_MAX);
	if (!field_open(&f, o, &wish, random, why))
		return false;
	for (uint64_t round = 1; ok && round <= o->rounds && !stop_asked(); round++)
		ok = run_round(&f, round, &g, why);
	field_close(&f);
	return ok;
}
