/* SPDX-License-Identifier: ISC */
#include "reliquary-api/auth/token.h"
#include "reliquary-api/commands/command.h"
#include "reliquary-api/commands/office.h"
#include "reliquary-api/commands/output.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/store/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE             500
#define QUOTA_FLOCKS_MAX 1000000
#define QUOTA_MBIT_MAX   100000

/* A list, page by page: the service goes on meanwhile. */
struct page_out {
	struct fault *why;
	bool json, ok;
	int64_t now;
	uint32_t count;
	char last[SHARE_ID_MAX];
	struct flock_id last_flock;
};

static json_t *
account_json(const struct account *a, int64_t now)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:s}", "share_id", a->share_id,
	    "state", account_state(a, now), "created", time_json(a->created), "expires",
	    time_json(a->expires), "flocks", (json_int_t)a->flocks, "max_flocks",
	    (json_int_t)a->max_flocks, "device_mbit", (json_int_t)a->bw_limit, "registration",
	    a->registration);
}

static bool
account_out(void *arg, const struct account *a)
{
	struct page_out *p = arg;
	char created[OUTPUT_TIME], expires[OUTPUT_TIME];

	p->count++;
	memcpy(p->last, a->share_id, sizeof(p->last));
	if (p->json)
		return p->ok = output_json(account_json(a, p->now), p->why);
	printf("%-16s  %-9s  %4" PRIu64 " of %-5" PRIu64 "  %6" PRIu64 "  %-20s  %-20s  %s\n",
	    a->share_id, account_state(a, p->now), a->flocks, a->max_flocks, a->bw_limit,
	    output_time(a->created, created), output_time(a->expires, expires), a->registration);
	return true;
}

static bool
list(struct office *o, const struct invocation *in, struct fault *why)
{
	struct page_out p = {
		.why = why, .json = invocation_has(in, "json"), .ok = true, .now = o->now
	};

	if (!p.json)
		printf("%-16s  %-9s  %-13s  %6s  %-20s  %-20s  %s\n", "SHARE ID", "STATE", "FLOCKS",
		    "MBIT/S", "CREATED", "EXPIRES", "REGISTRATION");
	do {
		char after[SHARE_ID_MAX];
		enum store_result result;

		memcpy(after, p.last, sizeof(after));
		p.count = 0;
		result = account_list(o->session, after, PAGE, account_out, &p);
		if (result != STORE_OK && result != STORE_NONE)
			return office_result(result, "account", "accounts", why);
	} while (p.ok && p.count == PAGE);
	return p.ok;
}

/* What a command does to the one account that it names. */
struct deed {
	struct office *office;
	const struct invocation *in;
	const char *name;
	struct account account;
	const char *action; /* for its log; NULL: none */
	enum store_result (*act)(struct session *s, const struct deed *d);
	bool suspended;
	uint64_t max_flocks, bw_limit;
};

static enum store_result
deed_act(struct session *s, void *arg)
{
	struct deed *d = arg;
	struct event e = { .at = d->office->now, .token = "admin" };
	enum store_result result = account_by_share_id(s, d->name, &d->account);

	if (result == STORE_OK)
		result = d->act(s, d);
	if (result != STORE_OK || d->action == NULL)
		return result;
	snprintf(e.action, sizeof(e.action), "%s", d->action);
	return event_add(s, d->account.id, &e);
}

static bool
deed_do(struct deed *d, struct fault *why)
{
	return office_result(
	    store_atomically(d->office->session, deed_act, d), "account", d->name, why);
}

static bool
find(struct office *o, const char *name, struct account *ret, struct fault *why)
{
	return office_result(account_by_share_id(o->session, name, ret), "account", name, why);
}

static bool
flock_out(void *arg, const struct flock_row *f)
{
	struct page_out *p = arg;
	char id[ID64_TEXT], generation[GENERATION_TEXT] = "-", expires[OUTPUT_TIME];
	const char *until = "-";

	p->count++;
	p->last_flock = f->id;
	id64_text(f->id.value, id);
	if (p->json)
		return p->ok = output_json(
			   json_pack("{s:s, s:o, s:I, s:I, s:o}", "flock", id, "created",
			       time_json(f->created), "devices", (json_int_t)f->devices, "pending",
			       (json_int_t)f->pending, "ambry",
			       f->has_bundle ? bundle_json(&f->bundle) : json_null()),
			   p->why);
	if (f->has_bundle) {
		generation_text(f->bundle.generation, generation);
		until = output_time(f->bundle.expires, expires);
	}
	printf("%-16s  %7" PRIu64 "  %7" PRIu64 "  %-10s  %s\n", id, f->devices, f->pending,
	    generation, until);
	return true;
}

static bool
show_flocks(struct office *o, const struct account *a, struct page_out *p, struct fault *why)
{
	int64_t joins_since = o->now - (int64_t)o->conf.settings.join_s;

	if (!p->json && a->flocks > 0)
		printf("\n%-16s  %7s  %7s  %-10s  %s\n", "FLOCK", "DEVICES", "PENDING", "BUNDLE",
		    "UNTIL");
	do {
		enum store_result result;

		p->count = 0;
		result =
		    flock_list(o->session, a->id, p->last_flock, PAGE, joins_since, flock_out, p);
		if (result != STORE_OK && result != STORE_NONE)
			return office_result(result, "flock", "flocks", why);
	} while (p->ok && p->count == PAGE);
	return p->ok;
}

static bool
show(struct office *o, const struct invocation *in, struct fault *why)
{
	struct page_out p = { .why = why, .json = invocation_has(in, "json"), .ok = true };
	char created[OUTPUT_TIME], expires[OUTPUT_TIME];
	struct account a;

	if (!find(o, in->words[0], &a, why))
		return false;
	if (p.json)
		return output_json(account_json(&a, o->now), why) && show_flocks(o, &a, &p, why);
	printf("share id      %s\n", a.share_id);
	printf("state         %s\n", account_state(&a, o->now));
	printf("created       %s\n", output_time(a.created, created));
	printf("expires       %s\n", output_time(a.expires, expires));
	printf("flocks        %" PRIu64 " of %" PRIu64 "\n", a.flocks, a.max_flocks);
	printf("devices       up to %" PRIu64 " Mbit/s each\n", a.bw_limit);
	printf("registration  %s\n", a.registration);
	return show_flocks(o, &a, &p, why);
}

/* As it is now, for programs that changed it. */
static bool
show_changed(struct office *o, const char *name, struct fault *why)
{
	struct account a;

	return find(o, name, &a, why) && output_json(account_json(&a, o->now), why);
}

static enum store_result
act_suspend(struct session *s, const struct deed *d)
{
	return account_set_suspended(s, d->account.id, d->suspended, d->office->now);
}

static bool
suspend(struct office *o, const struct invocation *in, bool suspended, struct fault *why)
{
	struct deed d = { .office = o,
		.in = in,
		.name = in->words[0],
		.action = suspended ? "account.suspend" : "account.resume",
		.act = act_suspend,
		.suspended = suspended };

	if (!deed_do(&d, why))
		return false;
	if (invocation_has(in, "json"))
		return show_changed(o, d.name, why);
	printf("%s: %s\n", d.name, suspended ? "suspended" : "served again");
	return true;
}

static enum store_result
act_quota(struct session *s, const struct deed *d)
{
	return account_set_quota(s, d->account.id,
	    invocation_has(d->in, "flocks") ? d->max_flocks : d->account.max_flocks,
	    invocation_has(d->in, "mbit") ? d->bw_limit : d->account.bw_limit, d->office->now);
}

static enum store_result
act_delete(struct session *s, const struct deed *d)
{
	return account_delete(s, d->account.id, d->office->now);
}

static bool delete (struct office *o, const struct invocation *in, struct fault *why)
{
	struct deed d = { .office = o, .in = in, .name = in->words[0], .act = act_delete };
	struct account a;

	if (!find(o, d.name, &a, why) ||
	    !output_confirm(in, why, "Delete account %s with its %" PRIu64 " flock%s, for good?",
		a.share_id, a.flocks, a.flocks == 1 ? "" : "s"))
		return false;
	return deed_do(&d, why) && output_deleted(in, d.name, "deleted", why);
}

static bool
suspend_it(struct office *o, const struct invocation *in, struct fault *why)
{
	return suspend(o, in, true, why);
}

static bool
resume_it(struct office *o, const struct invocation *in, struct fault *why)
{
	return suspend(o, in, false, why);
}

static bool
is_share_id(const char *text, struct fault *why)
{
	return token_plausible(text, SHARE_ID_TEXT - 1) ||
	       fault_set(why, "%s: not a share id, which has 16 lower-case hex digits", text);
}

static enum outcome
work(const struct invocation *in, struct fault *why,
    bool (*run)(struct office *o, const struct invocation *in, struct fault *why))
{
	struct office o;
	bool ok;

	if (in->word_count > 0 && !is_share_id(in->words[0], why))
		return MISUSED;
	ok = office_open(&o, in, why) && run(&o, in, why);
	office_close(&o);
	return ok ? DONE : FAILED;
}

enum outcome
account_command_list(const struct invocation *in, struct fault *why)
{
	return work(in, why, list);
}

enum outcome
account_command_show(const struct invocation *in, struct fault *why)
{
	return work(in, why, show);
}

enum outcome
account_command_suspend(const struct invocation *in, struct fault *why)
{
	return work(in, why, suspend_it);
}

enum outcome
account_command_resume(const struct invocation *in, struct fault *why)
{
	return work(in, why, resume_it);
}

enum outcome
account_command_delete(const struct invocation *in, struct fault *why)
{
	return work(in, why, delete);
}

static bool
say_quota(struct office *o, const struct invocation *in, struct fault *why)
{
	struct account a;

	if (invocation_has(in, "json"))
		return show_changed(o, in->words[0], why);
	if (!find(o, in->words[0], &a, why))
		return false;
	printf("%s: %" PRIu64 " flocks, devices up to %" PRIu64 " Mbit/s each\n", a.share_id,
	    a.max_flocks, a.bw_limit);
	return true;
}

enum outcome
account_command_quota(const struct invocation *in, struct fault *why)
{
	struct office o;
	struct deed d = { .office = &o,
		.in = in,
		.name = in->words[0],
		.action = "account.set-quota",
		.act = act_quota };
	bool ok;

	if (!invocation_has(in, "flocks") && !invocation_has(in, "mbit")) {
		fault_set(why, "account set-quota takes --flocks, --mbit or both");
		return MISUSED;
	}
	if (!is_share_id(d.name, why) ||
	    !output_number(in, "flocks", 0, QUOTA_FLOCKS_MAX, &d.max_flocks, why) ||
	    !output_number(in, "mbit", 1, QUOTA_MBIT_MAX, &d.bw_limit, why))
		return MISUSED;
	ok = office_open(&o, in, why) && deed_do(&d, why) && say_quota(&o, in, why);
	office_close(&o);
	return ok ? DONE : FAILED;
}
