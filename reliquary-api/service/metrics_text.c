/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void
head(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(
	    to, "# HELP reliquary_api_%s %s\n# TYPE reliquary_api_%s %s\n", name, help, name, type);
}

static void
number(FILE *to, const char *name, const char *type, const char *help, uint64_t value)
{
	head(to, name, type, help);
	fprintf(to, "reliquary_api_%s %" PRIu64 "\n", name, value);
}

static void
write_counts(FILE *to, const struct counts *c)
{
#define COUNTS_TEXT(name, help) number(to, #name "_total", "counter", help, counts_read(&c->name));
	COUNTS(COUNTS_TEXT)
#undef COUNTS_TEXT
	number(to, "queue", "gauge", "writes that wait for the writer", counts_read(&c->queue));
	number(to, "waiting", "gauge", "requests that wait for a change", counts_read(&c->waiting));
	number(to, "writes_failing", "gauge", "1 when the last write to the database failed",
	    counts_read(&c->writes_failing));
}

static void
write_requests(FILE *to, const struct counts *c)
{
	static const char *const classes[] = { "none", "1xx", "2xx", "3xx", "4xx", "5xx" };

	head(to, "requests_total", "counter",
	    "requests by the answer's status; none: the client went away before");
	for (size_t n = 0; n < sizeof(classes) / sizeof(classes[0]); n++)
		fprintf(to, "reliquary_api_requests_total{status=\"%s\"} %" PRIu64 "\n", classes[n],
		    counts_read(&c->status[n]));
}

/* All requests are in the last bucket, whatever is counted meanwhile. */
static void
write_durations(FILE *to, const struct counts *c)
{
	static const char name[] = "reliquary_api_request_duration_seconds";
	uint64_t sum = 0;

	head(to, "request_duration_seconds", "histogram",
	    "from a request's head to the end of its answer");
	for (unsigned n = 0; n < COUNTS_BUCKETS; n++) {
		sum += counts_read(&c->duration[n]);
		fprintf(to, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
		    (double)counts_bucket_us(n) / 1e6, sum);
	}
	sum += counts_read(&c->duration[COUNTS_BUCKETS]);
	fprintf(to, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, sum);
	fprintf(to, "%s_sum %.9f\n", name, (double)counts_read(&c->duration_ns) / 1e9);
	fprintf(to, "%s_count %" PRIu64 "\n", name, sum);
}

static void
write_server(FILE *to, const struct server_counts *s)
{
	number(to, "connections", "gauge", "connections that are open", s->connections);
	number(to, "accepted_total", "counter", "connections accepted", s->accepted);
	head(to, "connections_refused_total", "counter", "connections closed because of a limit");
	fprintf(to,
	    "reliquary_api_connections_refused_total{limit=\"all\"} %" PRIu64 "\n"
	    "reliquary_api_connections_refused_total{limit=\"source\"} %" PRIu64 "\n",
	    s->refused_full, s->refused_source);
	head(to, "connections_timed_out_total", "counter", "connections that were too slow");
	fprintf(to,
	    "reliquary_api_connections_timed_out_total{in=\"head\"} %" PRIu64 "\n"
	    "reliquary_api_connections_timed_out_total{in=\"body\"} %" PRIu64 "\n",
	    s->timed_out_idle, s->timed_out_body);
	number(to, "connections_aborted_total", "counter",
	    "connections that ended in the midst of a request", s->aborted);
	number(to, "heads_refused_total", "counter",
	    "requests whose head was malformed or too large; they are in no other count and no log",
	    s->malformed);
}

static void
write_totals(FILE *to, const struct store_totals *t)
{
	number(to, "accounts", "gauge", "accounts, ended ones too", t->accounts);
	number(to, "accounts_ended", "gauge", "accounts that have ended", t->accounts_ended);
	number(to, "accounts_suspended", "gauge", "accounts that are suspended",
	    t->accounts_suspended);
	number(to, "tokens", "gauge", "tokens of accounts", t->tokens);
	number(to, "flocks", "gauge", "flocks", t->flocks);
	number(to, "devices", "gauge", "approved devices", t->devices);
	number(to, "joins", "gauge", "devices that wait to be approved", t->joins);
	number(to, "bundles", "gauge", "bundles", t->bundles);
	number(to, "bundle_bytes", "gauge", "bytes of all bundles", t->bundle_bytes);
	number(to, "xflocks", "gauge", "consents to tunnels between flocks", t->xflocks);
	number(to, "cathedrals", "gauge", "cathedrals of the fleet", t->cathedrals);
	number(to, "changes", "gauge", "number of the last change for cathedrals", t->changes);
	number(to, "leftovers", "gauge", "files that are about to be removed", t->leftovers);
	number(to, "database_bytes", "gauge", "size of the database", t->file_bytes);
	number(to, "database_log_bytes", "gauge", "size of its write-ahead log", t->log_bytes);
}

/* Names are letters, digits, dots and hyphens. */
static void
write_fleet(FILE *to, const struct metrics_fleet *f)
{
	head(to, "cathedral_healthy", "gauge",
	    "1 when the cathedral was heard of within a minute and is no minute behind");
	for (size_t n = 0; n < f->count; n++) {
		struct cathedral_row c = f->rows[n];

		/* Which its operator knows, and which says nothing of it. */
		c.draining = c.leaving = false;
		fprintf(to, "reliquary_api_cathedral_healthy{cathedral=\"%s\"} %d\n", c.name,
		    cathedral_state(&c, f->now) == CATHEDRAL_HEALTHY);
	}
	head(to, "cathedral_changes_behind", "gauge",
	    "changes since the one up to which the cathedral said to have all");
	for (size_t n = 0; n < f->count; n++) {
		if (f->rows[n].says_change)
			fprintf(to,
			    "reliquary_api_cathedral_changes_behind{cathedral=\"%s\"} %" PRIu64
			    "\n",
			    f->rows[n].name, f->rows[n].behind);
	}
}

char *
metrics_text(const struct metrics_source *m)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (to == NULL)
		return NULL;
	head(to, "info", "gauge", "what runs here");
	fprintf(to, "reliquary_api_info{version=\"%s\"} 1\n", VERSION);
	number(to, "start_time_seconds", "gauge", "Unix time when it was started",
	    (uint64_t)m->started_s);
	number(to, "ready", "gauge", "1 when it can do its work", m->ready);
	write_counts(to, m->counts);
	write_requests(to, m->counts);
	write_durations(to, m->counts);
	write_server(to, &m->server);
	if (m->totals_known)
		write_totals(to, &m->totals);
	if (m->fleet != NULL)
		write_fleet(to, m->fleet);
	if (m->disk_known)
		number(to, "disk_free_bytes", "gauge", "bytes that are left on the disk",
		    m->disk_free);
	if (fclose(to) == 0)
		return text;
	free(text);
	return NULL;
}
