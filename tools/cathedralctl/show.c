/* SPDX-License-Identifier: ISC */
#include "tools/cathedralctl/show.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#define CELL_TEXT   128
#define COLUMNS_MAX 12

/* Words, as many as there is room for. */
static void
list_words(const json_t *list, char text[static CELL_TEXT])
{
	static const char more[] = " ...";
	const json_t *item;
	size_t i, len = 0;

	json_array_foreach(list, i, item)
	{
		const char *word = json_is_string(item) ? json_string_value(item) : "?";

		if (len + 1 + strlen(word) + sizeof(more) > CELL_TEXT) {
			memcpy(text + len, more, sizeof(more));
			return;
		}
		len += (size_t)sprintf(text + len, "%s%s", len > 0 ? " " : "", word);
	}
}

/* One value as a cell; what is not there is "-". */
static const char *
cell(const json_t *value, char text[static CELL_TEXT])
{
	if (json_array_size(value) > 0)
		list_words(value, text);
	else if (json_is_string(value))
		snprintf(text, CELL_TEXT, "%s", json_string_value(value));
	else if (json_is_integer(value))
		snprintf(text, CELL_TEXT, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(text, CELL_TEXT, "%.1f", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(text, CELL_TEXT, "%s", json_is_true(value) ? "yes" : "no");
	else
		snprintf(text, CELL_TEXT, "-");
	return text;
}

/* "registry.flocks": a member of a member. */
static json_t *
find(const json_t *doc, const char *path)
{
	const char *dot = strchr(path, '.');
	char outer[CELL_TEXT];

	if (dot == NULL)
		return json_object_get(doc, path);
	snprintf(outer, sizeof(outer), "%.*s", (int)(dot - path), path);
	return json_object_get(json_object_get(doc, outer), dot + 1);
}

struct column {
	const char *title, *key;
};

static void
widen(size_t *width, const char *text)
{
	if (strlen(text) > *width)
		*width = strlen(text);
}

/* Numbers stand to the right, all else to the left; nothing follows the last column. */
static void
print_cell(FILE *to, const char *text, size_t width, bool right, bool last)
{
	if (right)
		fprintf(to, "%*s", (int)width, text);
	else if (last)
		fputs(text, to);
	else
		fprintf(to, "%-*s", (int)width, text);
	fputs(last ? "\n" : "  ", to);
}

static void
show_table(FILE *to, const json_t *rows, const struct column *columns, size_t count)
{
	size_t width[COLUMNS_MAX], i;
	const json_t *row;
	char text[CELL_TEXT];

	for (size_t c = 0; c < count; c++) {
		width[c] = strlen(columns[c].title);
		json_array_foreach(rows, i, row)
		    widen(&width[c], cell(find(row, columns[c].key), text));
	}
	row = json_array_get(rows, 0);
	for (size_t c = 0; c < count; c++)
		print_cell(to, columns[c].title, width[c],
		    json_is_number(find(row, columns[c].key)), c + 1 == count);
	json_array_foreach(rows, i, row)
	{
		for (size_t c = 0; c < count; c++) {
			const json_t *value = find(row, columns[c].key);

			print_cell(
			    to, cell(value, text), width[c], json_is_number(value), c + 1 == count);
		}
	}
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
show_line(FILE *to, const char *title, const char *text)
{
	fprintf(to, "%-20s  %s\n", title, text);
}

static void
show_time(FILE *to, const char *title, const json_t *value)
{
	time_t t = (time_t)json_integer_value(value);
	struct tm tm;
	char text[CELL_TEXT];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	show_line(to, title, text);
}

static void
show_lines(FILE *to, const json_t *doc, const struct column *lines, size_t count)
{
	char text[CELL_TEXT];

	for (size_t i = 0; i < count; i++)
		show_line(to, lines[i].title, cell(find(doc, lines[i].key), text));
}

/* Most hosts have none, and then there is nothing to say. */
static void
show_budget(FILE *to, const json_t *doc)
{
	static const struct column lines[] = {
		{ "month", "budget.month" },
		{ "sent in it (bytes)", "budget.used" },
		{ "of", "budget.limit" },
		{ "the host is", "budget.stage" },
		{ "slowed to (bytes/s)", "budget.pace" },
		{ "flocks may each send", "budget.flock_limit" },
		{ "flocks warned", "budget.flocks_warned" },
		{ "flocks slowed", "budget.flocks_slowed" },
		{ "flocks stopped", "budget.flocks_stopped" },
		{ "budgets are written", "budget.file_ok" },
	};

	if (json_is_object(json_object_get(doc, "budget")))
		show_lines(to, doc, lines, COUNT(lines));
}

void
show_status(FILE *to, json_t *doc)
{
	static const struct column lines[] = {
		{ "instance", "instance" },
		{ "version", "version" },
		{ "process", "pid" },
		{ "uptime (s)", "uptime" },
		{ "workers", "workers" },
		{ "draining", "draining" },
		{ "AES-256-GCM by", "cipher" },
		{ "masks by", "masks" },
		{ "registry version", "registry.version" },
		{ "flocks", "registry.flocks" },
		{ "devices", "registry.devices" },
		{ "xflocks", "registry.xflocks" },
		{ "xflocks that wait", "registry.waiting" },
		{ "federated cathedrals", "registry.peers" },
		{ "bundles in memory", "registry.ambries" },
		{ "secrets locked", "registry.secrets_locked" },
		{ "tunnels", "tunnels.count" },
		{ "tunnels that fit", "tunnels.capacity" },
		{ "liturgies", "liturgies.count" },
		{ "shroud identities", "identities.count" },
		{ "packets received", "traffic.received" },
		{ "packets sent", "traffic.sent" },
		{ "packets relayed", "traffic.relayed" },
		{ "bytes relayed", "traffic.relayed_bytes" },
		{ "packets dropped", "traffic.dropped" },
		{ "host's rate (Mbit/s)", "egress.mbit" },
		{ "flocks that wait", "egress.flocks_waiting" },
		{ "packets that waited", "egress.queued" },
		{ "of these, dropped", "egress.dropped" },
		{ "files read well", "reload.ok" },
		{ "files read (times)", "reload.count" },
		{ "hand-overs", "handover.count" },
		{ "hand-overs given up", "handover.failed" },
		{ "taken over in (ms)", "handover.gap_ms" },
		{ "state file is written", "state.ok" },
	};
	static const struct column listeners[] = {
		{ "LISTENER", "address" },
		{ "KIND", "kind" },
		{ "NAT PORT", "nat_port" },
		{ "ADVERTISED", "advertised" },
	};
	const json_t *error = find(doc, "reload.error");

	show_lines(to, doc, lines, COUNT(lines));
	show_budget(to, doc);
	show_time(to, "files read at", find(doc, "reload.at"));
	if (json_is_string(error))
		show_line(to, "files refused", json_string_value(error));
	fputc('\n', to);
	show_table(to, json_object_get(doc, "listeners"), listeners, COUNT(listeners));
}

static void
show_truncation(FILE *to, const json_t *doc, const char *name)
{
	if (json_is_true(json_object_get(doc, "truncated")))
		fprintf(to, "... and more: %lld %s in all\n",
		    (long long)json_integer_value(json_object_get(doc, "found")), name);
}

void
show_tunnels(FILE *to, json_t *doc)
{
	static const struct column columns[] = {
		{ "FLOCK", "flock" },
		{ "PEER FLOCK", "peer_flock" },
		{ "TUNNEL", "tunnel" },
		{ "DEVICE", "device" },
		{ "AGE (s)", "age" },
		{ "FEDERATED", "federated" },
		{ "ADDRESS", "address" },
		{ "DIRECT", "p2p" },
	};

	show_table(to, json_object_get(doc, "tunnels"), columns, COUNT(columns));
	show_truncation(to, doc, "tunnels");
}

void
show_liturgies(FILE *to, json_t *doc)
{
	static const struct column columns[] = {
		{ "FLOCK", "flock" },
		{ "GROUP", "group" },
		{ "NUMBER", "number" },
		{ "DEVICE", "device" },
		{ "KIND", "kind" },
		{ "HIDDEN", "hidden" },
		{ "AGE (s)", "age" },
		{ "FEDERATED", "federated" },
		{ "ADDRESS", "address" },
	};

	show_table(to, json_object_get(doc, "liturgies"), columns, COUNT(columns));
	show_truncation(to, doc, "liturgy entries");
}

void
show_federation(FILE *to, json_t *doc)
{
	static const struct column columns[] = {
		{ "CATHEDRAL", "address" },
		{ "HEARD (s)", "heard" },
		{ "LETTERS", "letters" },
		{ "OFFERS", "offers_in" },
		{ "BAD OFFERS", "offers_bad" },
		{ "CLEAR PORT", "clear_port" },
		{ "SHROUD PORT", "shroud_port" },
	};
	const json_t *peers = json_object_get(doc, "peers");

	if (json_array_size(peers) == 0)
		fputs("no federated cathedrals\n", to);
	else
		show_table(to, peers, columns, COUNT(columns));
}

void
show_flocks(FILE *to, json_t *doc)
{
	static const struct column columns[] = {
		{ "FLOCK", "flock" },
		{ "DEVICES", "devices" },
		{ "GENERATION", "generation" },
		{ "XFLOCKS", "xflocks" },
	};
	const char *next = json_string_value(json_object_get(doc, "next"));

	show_table(to, json_object_get(doc, "flocks"), columns, COUNT(columns));
	if (next != NULL)
		fprintf(to, "... and more: %lld flocks in all, go on with: flocks %s\n",
		    (long long)json_integer_value(json_object_get(doc, "found")), next);
}

void
show_flock(FILE *to, json_t *doc)
{
	static const struct column lines[] = {
		{ "flock", "flock" },
		{ "ambry generation", "ambries.generation" },
		{ "between numbers", "ambries.numbers" },
		{ "slice", "ambries.slice" },
	};
	static const struct column budget[] = {
		{ "sent this month", "budget.used" },
		{ "of so many bytes", "budget.limit" },
		{ "it is", "budget.stage" },
	};
	static const struct column devices[] = {
		{ "NUMBER", "number" },
		{ "DEVICE", "device" },
		{ "MBIT/S", "mbit" },
		{ "SECRET", "secret" },
		{ "COSK", "cosk" },
	};
	static const struct column xflocks[] = {
		{ "XFLOCK", "flock" },
		{ "WAITS", "waiting" },
		{ "GENERATION", "ambries.generation" },
		{ "SLICE", "ambries.slice" },
		{ "NUMBERS", "ambries.numbers" },
		{ "THEIR NUMBERS", "ambries.peer_numbers" },
	};
	const json_t *ends = find(doc, "ambries.expires"), *with = json_object_get(doc, "xflocks");

	show_lines(to, doc, lines, COUNT(lines));
	if (ends != NULL)
		show_time(to, "ambries end", ends);
	if (json_is_object(json_object_get(doc, "budget")))
		show_lines(to, doc, budget, COUNT(budget));
	fputc('\n', to);
	show_table(to, json_object_get(doc, "devices"), devices, COUNT(devices));
	if (json_array_size(with) == 0)
		return;
	fputc('\n', to);
	show_table(to, with, xflocks, COUNT(xflocks));
}

static void
show_numbers(FILE *to, json_t *numbers)
{
	const char *name;
	json_t *value;

	json_object_foreach(numbers, name, value)
	    fprintf(to, "%20lld  %s\n", (long long)json_integer_value(value), name);
}

void
show_counters(FILE *to, json_t *doc)
{
	fputs("packets, by what became of them\n", to);
	show_numbers(to, find(doc, "total.packets"));
	fputs("\ncounters\n", to);
	show_numbers(to, find(doc, "total.counters"));
}

void
show_reload(FILE *to, json_t *doc)
{
	(void)doc;
	fputs("reloaded\n", to);
}

void
show_loglevel(FILE *to, json_t *doc)
{
	char text[CELL_TEXT];

	fprintf(to, "log level is %s\n", cell(json_object_get(doc, "log_level"), text));
}

void
show_drain(FILE *to, json_t *doc)
{
	char tunnels[CELL_TEXT], liturgies[CELL_TEXT];

	fprintf(to, "%s; of devices here: %s tunnel ends, %s liturgies\n",
	    json_is_true(json_object_get(doc, "draining")) ? "draining" : "not draining",
	    cell(json_object_get(doc, "tunnels"), tunnels),
	    cell(json_object_get(doc, "liturgies"), liturgies));
}
