/* SPDX-License-Identifier: ISC */
#include "cathedral/ops/metrics.h"
#include "protocol/crypto/secret.h"

#include <inttypes.h>

static void
head(struct evbuffer *to, const char *name, const char *type, const char *help)
{
	evbuffer_add_printf(
	    to, "# HELP cathedral_%s %s\n# TYPE cathedral_%s %s\n", name, help, name, type);
}

static void
gauge(struct evbuffer *to, const char *name, const char *help, uint64_t value)
{
	head(to, name, "gauge", help);
	evbuffer_add_printf(to, "cathedral_%s %" PRIu64 "\n", name, value);
}

/* All threads together, and each by itself under a name of its own: a sum counts nothing twice. */
static void
write_verdicts(struct evbuffer *to, const struct overview *o, const struct stats_sum *sum)
{
	head(to, "packets_total", "counter", "packets by what became of them");
	for (int v = 0; v < VERDICT_COUNT; v++)
		evbuffer_add_printf(to, "cathedral_packets_total{verdict=\"%s\"} %" PRIu64 "\n",
		    verdict_name((enum verdict)v), sum->verdicts[v]);

	head(to, "worker_packets_total", "counter",
	    "packets by what became of them, for each thread");
	for (unsigned n = 0; n < overview_threads(o); n++) {
		char name[OVERVIEW_THREAD_NAME];

		overview_thread_name(o, n, name);
		for (int v = 0; v < VERDICT_COUNT; v++)
			evbuffer_add_printf(to,
			    "cathedral_worker_packets_total{worker=\"%s\",verdict=\"%s\"} %" PRIu64
			    "\n",
			    name, verdict_name((enum verdict)v),
			    stats_get(&o->stats[n].verdicts[v]));
	}
}

static void
write_worker_counter(struct evbuffer *to, const struct overview *o, const char *name, size_t offset)
{
	for (unsigned n = 0; n < overview_threads(o); n++) {
		const char *stats = (const char *)&o->stats[n];
		char worker[OVERVIEW_THREAD_NAME];

		evbuffer_add_printf(to, "cathedral_worker_%s_total{worker=\"%s\"} %" PRIu64 "\n",
		    name, overview_thread_name(o, n, worker),
		    stats_get((const _Atomic uint64_t *)(const void *)(stats + offset)));
	}
}

static void
write_counters(struct evbuffer *to, const struct overview *o, const struct stats_sum *sum)
{
#define STATS_TEXT(name, help)                                                                     \
	head(to, #name "_total", "counter", help);                                                 \
	evbuffer_add_printf(to, "cathedral_" #name "_total %" PRIu64 "\n", sum->name);             \
	head(to, "worker_" #name "_total", "counter", help ", for each thread");                   \
	write_worker_counter(to, o, #name, offsetof(struct stats, name));
	STATS(STATS_TEXT)
#undef STATS_TEXT
}

static void
write_tables(struct evbuffer *to, const struct overview *o)
{
	gauge(to, "tunnels", "tunnels known", tunnels_count(o->tunnels));
	gauge(to, "tunnels_capacity", "tunnels that fit", tunnels_capacity(o->tunnels));
	gauge(to, "liturgies", "liturgy entries known", liturgies_count(o->liturgies));
	gauge(
	    to, "liturgies_capacity", "liturgy entries that fit", liturgies_capacity(o->liturgies));
	gauge(to, "identities", "shroud identities known", identities_count(o->identities));
	gauge(to, "identities_capacity", "shroud identities that fit", o->identities_capacity);
	gauge(to, "replays", "accepted offers remembered", replay_count(o->replay));
	gauge(to, "replays_capacity", "accepted offers that fit", o->replay_capacity);
}

static void
write_egress(struct evbuffer *to, const struct overview *o)
{
	if (o->egress == NULL)
		return;
	gauge(to, "egress_bytes_per_second", "all that this host may send",
	    (uint64_t)egress_mbit(o->egress) * 125000);
	gauge(to, "flocks_waiting",
	    "flocks of which packets wait, since the host's rate is used up",
	    waiters_flocks(o->waiters));
}

static void
write_budget(struct evbuffer *to, const struct overview *o)
{
	struct budget_report b;

	if (o->budget == NULL)
		return;
	budget_report(o->budget, &b);
	gauge(to, "budget_used_bytes", "sent by this host in this calendar month", b.used);
	gauge(
	    to, "budget_limit_bytes", "all that it may send in one, 0: there is no limit", b.limit);
	gauge(to, "budget_stage", "0 free, 1 warned (80 %), 2 slowed (95 %), 3 stopped (100 %)",
	    (uint64_t)b.stage);
	gauge(to, "flock_budget_limit_bytes",
	    "what each flock may send in a month, 0: there is no limit", b.flock_limit);
	gauge(to, "flocks_budget_warned", "flocks that have used 80 % of theirs",
	    b.stages[BUDGET_WARNED]);
	gauge(to, "flocks_budget_slowed", "flocks that have used 95 % of theirs",
	    b.stages[BUDGET_SLOWED]);
	gauge(to, "flocks_budget_stopped", "flocks that have used up theirs",
	    b.stages[BUDGET_STOPPED]);
	if (o->succession != NULL)
		gauge(to, "budget_file_ok",
		    "1 when the budgets' file could be written when it was last tried",
		    o->succession->budget_ok);
}

static void
write_registry(struct evbuffer *to, const struct overview *o)
{
	const struct registry *r = publish_current(o->publish);
	struct registry_counts c = registry_counts(r);

	gauge(to, "registry_version", "how far registry.db was read, 0 when settings are",
	    registry_version(r));
	gauge(to, "registry_changed_timestamp_seconds",
	    "Unix time when a registry was last put in force", (uint64_t)o->reload->changed_s);
	gauge(to, "registry_flocks", "flocks configured", c.flocks);
	gauge(to, "registry_devices", "devices allowed", c.devices);
	gauge(to, "registry_xflocks", "pairs of flocks configured", c.xflocks);
	gauge(to, "registry_peers", "federated cathedrals configured", c.peers);
	gauge(to, "registry_ambries", "ambries in memory", c.ambries);
	gauge(to, "registry_ambry_bytes", "memory that ambries take", c.ambry_bytes);
	gauge(to, "secrets_locked", "1 when all secrets are in locked memory", secret_locked());
	gauge(to, "reload_ok", "1 when the files were right when last read", o->reload->ok);
	gauge(to, "reload_timestamp_seconds", "Unix time when the files were last read",
	    (uint64_t)o->reload->wall_s);
	head(to, "reloads_total", "counter", "how often the files were read");
	evbuffer_add_printf(to, "cathedral_reloads_total %" PRIu64 "\n", o->reload->count);
}

static void
write_succession(struct evbuffer *to, const struct overview_succession *s)
{
	if (s == NULL)
		return;
	head(to, "handovers_total", "counter",
	    "how often one process took over from another, up to this one");
	evbuffer_add_printf(to, "cathedral_handovers_total %" PRIu64 "\n", s->handovers);
	head(to, "handovers_failed_total", "counter",
	    "how often another process began to take over from this one, and did not");
	evbuffer_add_printf(to, "cathedral_handovers_failed_total %" PRIu64 "\n", s->failed);
	gauge(to, "handover_timestamp_seconds",
	    "Unix time when this process took over, 0: it did not", (uint64_t)s->taken_s);
	head(to, "handover_gap_seconds", "gauge", "how long nobody served when it did");
	evbuffer_add_printf(to, "cathedral_handover_gap_seconds %.6f\n", (double)s->gap_ns / 1e9);
	if (!s->state_file)
		return;
	gauge(to, "state_ok", "1 when the state file could be written when it was last tried",
	    s->state_ok);
	gauge(to, "state_timestamp_seconds", "Unix time when the state file was last written",
	    (uint64_t)s->state_s);
	head(to, "state_write_seconds", "gauge", "how long writing it took");
	evbuffer_add_printf(to, "cathedral_state_write_seconds %.6f\n", (double)s->state_ns / 1e9);
}

/* A cathedral never heard of has no age. */
static void
write_peers(struct evbuffer *to, const struct overview *o, struct instant now)
{
	size_t count;
	const struct registry_peer *peers = registry_peers(publish_current(o->publish), &count);
	char text[ENDPOINT_TEXT];

	head(to, "peer_heard_age_seconds", "gauge",
	    "seconds since a federated cathedral was last heard");
	for (size_t i = 0; i < count; i++) {
		uint64_t heard_ns = stats_get(&peers[i].stats->heard_ns);

		if (heard_ns != 0)
			evbuffer_add_printf(to,
			    "cathedral_peer_heard_age_seconds{peer=\"%s\"} %.3f\n",
			    endpoint_format(&peers[i].at, text),
			    (double)(now.mono_ns - heard_ns) / 1e9);
	}
	head(to, "peer_letters", "gauge", "1 when a federated cathedral reads letters");
	for (size_t i = 0; i < count; i++)
		evbuffer_add_printf(to, "cathedral_peer_letters{peer=\"%s\"} %d\n",
		    endpoint_format(&peers[i].at, text), peer_speaks(peers[i].stats, now.mono_ns));
	head(to, "peer_offers_total", "counter", "offers accepted from a federated cathedral");
	for (size_t i = 0; i < count; i++)
		evbuffer_add_printf(to, "cathedral_peer_offers_total{peer=\"%s\"} %" PRIu64 "\n",
		    endpoint_format(&peers[i].at, text), stats_get(&peers[i].stats->offers_in));
	head(to, "peer_bad_offers_total", "counter", "offers refused from a federated cathedral");
	for (size_t i = 0; i < count; i++)
		evbuffer_add_printf(to,
		    "cathedral_peer_bad_offers_total{peer=\"%s\"} %" PRIu64 "\n",
		    endpoint_format(&peers[i].at, text), stats_get(&peers[i].stats->offers_bad));
}

void
metrics_write(struct evbuffer *to, const struct overview *o, struct instant now)
{
	struct stats_sum sum = overview_sum(o);

	head(to, "info", "gauge", "what runs here");
	evbuffer_add_printf(to, "cathedral_info{version=\"%s\"} 1\n", o->version);
	gauge(
	    to, "start_time_seconds", "Unix time when it was started", (uint64_t)o->started.wall_s);
	gauge(to, "workers", "threads that relay", o->workers);
	gauge(to, "draining", "1 when devices are told of other cathedrals first",
	    overview_draining(o));
	write_verdicts(to, o, &sum);
	write_counters(to, o, &sum);
	write_tables(to, o);
	write_egress(to, o);
	write_budget(to, o);
	write_registry(to, o);
	write_succession(to, o->succession);
	write_peers(to, o, now);
}
