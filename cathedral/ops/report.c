/* SPDX-License-Identifier: ISC */
#include "cathedral/ops/report.h"

#include "base/month.h"
#include "protocol/crypto/aead.h"
#include "protocol/crypto/keccak_wide.h"
#include "protocol/crypto/secret.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

json_t *
report_text(const char *text)
{
	json_t *string = json_string(text);
	char *copy;

	if (string != NULL)
		return string;
	copy = strdup(text);
	if (copy == NULL)
		return NULL;
	for (char *c = copy; *c != '\0'; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	string = json_string(copy);
	free(copy);
	return string;
}

json_t *
report_hex(int digits, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*" PRIx64, digits, value);
	return json_string(text);
}

static json_t *
json_endpoint(const struct endpoint *e)
{
	char text[ENDPOINT_TEXT];

	return json_string(endpoint_format(e, text));
}

static json_t *
json_count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *
listeners(const struct overview *o)
{
	json_t *list = json_array();

	for (size_t i = 0; i < o->listener_count; i++) {
		const struct overview_listener *l = &o->listeners[i];

		json_array_append_new(list,
		    json_pack("{s:o, s:i, s:s, s:o}", "address", json_endpoint(&l->main),
			"nat_port", (int)l->nat_port, "kind", l->shrouded ? "shroud" : "clear",
			"advertised", json_endpoint(&l->advertised)));
	}
	return list;
}

/* How full a table is. */
static json_t *
fill(size_t count, size_t capacity)
{
	return json_pack(
	    "{s:o, s:o}", "count", json_count(count), "capacity", json_count(capacity));
}

static json_t *
registry(const struct overview *o)
{
	const struct registry *r = publish_current(o->publish);
	struct registry_counts c = registry_counts(r);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "version",
	    json_count(registry_version(r)), "changed", json_integer(o->reload->changed_s),
	    "flocks", json_count(c.flocks), "devices", json_count(c.devices), "xflocks",
	    json_count(c.xflocks), "waiting", json_count(c.waiting), "peers", json_count(c.peers),
	    "ambries", json_count(c.ambries), "ambry_bytes", json_count(c.ambry_bytes),
	    "secrets_locked", secret_locked());
}

static json_t *
reload(const struct overview_reload *r)
{
	return json_pack("{s:b, s:o, s:o, s:o}", "ok", r->ok, "at", json_integer(r->wall_s),
	    "count", json_count(r->count), "error",
	    r->ok ? json_null() : report_text(r->fault.text));
}

static json_t *
traffic(const struct overview *o)
{
	struct stats_sum sum = overview_sum(o);
	uint64_t dropped = 0;

	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (v != VERDICT_RELAYED && v != VERDICT_QUEUED && v != VERDICT_CONSUMED)
			dropped += sum.verdicts[v];
	}
	dropped += sum.waited_dropped;
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "received", json_count(sum.rx_packets),
	    "sent", json_count(sum.tx_packets), "relayed",
	    json_count(sum.verdicts[VERDICT_RELAYED] + sum.waited_sent), "relayed_bytes",
	    json_count(sum.relayed_bytes), "dropped", json_count(dropped));
}

/* null where there is no rate to share. */
static json_t *
egress(const struct overview *o)
{
	struct stats_sum sum = overview_sum(o);

	if (o->egress == NULL)
		return json_null();
	return json_pack("{s:i, s:i, s:o, s:o, s:o}", "mbit", (int)egress_mbit(o->egress),
	    "flocks_waiting", (int)waiters_flocks(o->waiters), "queued",
	    json_count(sum.verdicts[VERDICT_QUEUED]), "sent", json_count(sum.waited_sent),
	    "dropped", json_count(sum.waited_dropped));
}

static json_t *
when(int64_t wall_s)
{
	return wall_s == 0 ? json_null() : json_integer(wall_s);
}

/* null where there is none. */
static json_t *
limit(uint64_t bytes)
{
	return bytes == 0 ? json_null() : json_count(bytes);
}

static json_t *
budget(const struct overview *o)
{
	const struct overview_succession *file = o->succession;
	struct budget_report r;
	char month[MONTH_TEXT];
	json_t *doc;

	if (o->budget == NULL)
		return json_null();
	budget_report(o->budget, &r);
	doc = json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "month",
	    month_format(r.month, month), "limit", limit(r.limit), "used", json_count(r.used),
	    "stage", budget_stage_name(r.stage), "pace", limit(r.pace), "flock_limit",
	    limit(r.flock_limit), "flocks", json_count(r.flocks), "flocks_warned",
	    json_count(r.stages[BUDGET_WARNED]), "flocks_slowed",
	    json_count(r.stages[BUDGET_SLOWED]), "flocks_stopped",
	    json_count(r.stages[BUDGET_STOPPED]));
	if (file != NULL) {
		json_object_set_new(doc, "file_ok", json_boolean(file->budget_ok));
		json_object_set_new(doc, "file_at", when(file->budget_s));
	}
	return doc;
}

static json_t *
handover(const struct overview_succession *s)
{
	return json_pack("{s:o, s:o, s:o, s:f}", "count", json_count(s->handovers), "failed",
	    json_count(s->failed), "at", when(s->taken_s), "gap_ms", (double)s->gap_ns / 1e6);
}

static json_t *
state_file(const struct overview_succession *s)
{
	if (!s->state_file)
		return json_null();
	return json_pack("{s:b, s:o, s:f}", "ok", s->state_ok, "at", when(s->state_s), "took_ms",
	    (double)s->state_ns / 1e6);
}

json_t *
report_status(const struct overview *o, struct instant now)
{
	uint64_t up_s = (now.mono_ns - o->started.mono_ns) / NS_PER_S;
	json_t *doc = json_pack("{s:o, s:s, s:i, s:o, s:o, s:i}", "instance",
	    report_text(o->instance), "version", o->version, "pid", (int)getpid(), "started",
	    json_integer(o->started.wall_s), "uptime", json_count(up_s), "workers",
	    (int)o->workers);

	json_object_set_new(doc, "draining", json_boolean(overview_draining(o)));
	json_object_set_new(doc, "cipher", json_string(aead_backend_name()));
	json_object_set_new(doc, "masks", json_string(keccak_way_name(keccak_best_way())));
	json_object_set_new(doc, "listeners", listeners(o));
	json_object_set_new(doc, "registry", registry(o));
	json_object_set_new(doc, "reload", reload(o->reload));
	if (o->succession != NULL) {
		json_object_set_new(doc, "handover", handover(o->succession));
		json_object_set_new(doc, "state", state_file(o->succession));
	}
	json_object_set_new(
	    doc, "tunnels", fill(tunnels_count(o->tunnels), tunnels_capacity(o->tunnels)));
	json_object_set_new(doc, "liturgies",
	    fill(liturgies_count(o->liturgies), liturgies_capacity(o->liturgies)));
	json_object_set_new(
	    doc, "identities", fill(identities_count(o->identities), o->identities_capacity));
	json_object_set_new(doc, "replays", fill(replay_count(o->replay), o->replay_capacity));
	json_object_set_new(doc, "traffic", traffic(o));
	json_object_set_new(doc, "egress", egress(o));
	json_object_set_new(doc, "budget", budget(o));
	return doc;
}

json_t *
report_federation(const struct overview *o, struct instant now)
{
	size_t count;
	const struct registry *r = publish_current(o->publish);
	const struct registry_peer *peers = registry_peers(r, &count);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct registry_peer *p = &peers[i];
		uint64_t heard_ns = stats_get(&p->stats->heard_ns);
		json_t *age =
		    heard_ns == 0 ? json_null() : json_real((double)(now.mono_ns - heard_ns) / 1e9);

		json_array_append_new(
		    list, json_pack("{s:o, s:i, s:i, s:b, s:b, s:o, s:o, s:o}", "address",
			      json_endpoint(&p->at), "clear_port", (int)p->clear_port,
			      "shroud_port", (int)p->shroud_port, "draining", p->draining,
			      "letters", peer_speaks(p->stats, now.mono_ns), "heard", age,
			      "offers_in", json_count(stats_get(&p->stats->offers_in)),
			      "offers_bad", json_count(stats_get(&p->stats->offers_bad))));
	}
	return json_pack("{s:b, s:o}", "secret", registry_federation(r)->present, "peers", list);
}

static json_t *
counters_of(const struct stats_sum *sum)
{
	json_t *packets = json_object(), *counters = json_object();

	for (int v = 0; v < VERDICT_COUNT; v++)
		json_object_set_new(
		    packets, verdict_name((enum verdict)v), json_count(sum->verdicts[v]));
#define STATS_JSON(name, help) json_object_set_new(counters, #name, json_count(sum->name));
	STATS(STATS_JSON)
#undef STATS_JSON
	return json_pack("{s:o, s:o}", "packets", packets, "counters", counters);
}

json_t *
report_counters(const struct overview *o)
{
	struct stats_sum sum = overview_sum(o);
	json_t *threads = json_object();

	for (unsigned n = 0; n < overview_threads(o); n++) {
		char name[OVERVIEW_THREAD_NAME];
		struct stats_sum one = { 0 };

		stats_sum_add(&one, &o->stats[n]);
		json_object_set_new(threads, overview_thread_name(o, n, name), counters_of(&one));
	}
	return json_pack("{s:o, s:o}", "total", counters_of(&sum), "threads", threads);
}
