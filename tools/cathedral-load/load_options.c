/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/load_options.h"

#include "base/clock.h"
#include "protocol/wire/kind.h"
#include "tools/cathedral-load/roster.h"
#include "tools/cathedral-load/soak_report.h"
#include "tools/common/values.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#define FLOWS   (LOAD_RELAY | LOAD_STRANGERS | LOAD_FEDERATE | LOAD_CAP | LOAD_RELOAD | LOAD_COMPARE)
#define DEVICES (FLOWS | LOAD_REGISTER | LOAD_MEMORY)
#define WATCHED (DEVICES & ~LOAD_COMPARE)

static value_read value_list;

#define SECONDS_MAX 2000000 /* three weeks */

/* A cathedral forgets those of whom it hears nothing for 120 s. */
#define OTHERS_NS (100 * NS_PER_S)

#define FIELD(commands, field) (commands), offsetof(struct load_options, field)

static const struct option_row {
	const char *name;
	unsigned commands;
	size_t offset;
	value_read *read; /* NULL: sets a bool */
	uint64_t max;
	const char *argument, *help;
} rows[] = {
	{ "flocks", FIELD(LOAD_MAKE, flocks), value_decimal, ROSTER_FLOCKS_MAX, "COUNT",
	    "flocks in the fleet (100)" },
	{ "devices", FIELD(LOAD_MAKE, devices), value_decimal, ROSTER_DEVICES_MAX, "COUNT",
	    "devices in each, an even number (20); two of them share a tunnel" },
	{ "mbit", FIELD(LOAD_MAKE, mbit), value_decimal, 1000000, "COUNT",
	    "their cap in Mbit/s; 0: none (0)" },
	{ "seed", FIELD(LOAD_MAKE, seed), value_text, 0, "HEX",
	    "32 bytes that all secrets follow from (random)" },
	{ "shroud-at", FIELD(LOAD_MAKE, shroud_at), value_endpoint, 0, "ADDR:PORT",
	    "the cathedral's shrouded listener (127.0.0.1:4500)" },
	{ "clear-at", FIELD(LOAD_MAKE, clear_at), value_endpoint, 0, "ADDR:PORT",
	    "its clear one (127.0.0.1:4600)" },
	{ "far-at", FIELD(LOAD_MAKE, far_at), value_endpoint, 0, "ADDR:PORT",
	    "a second cathedral, which the first federates with" },
	{ "workers", FIELD(LOAD_MAKE | LOAD_SOAK, workers), value_decimal, 64, "COUNT",
	    "threads that relay; 0: one for each CPU (1)" },
	{ "user", FIELD(LOAD_MAKE | LOAD_SOAK, user), value_text, 0, "NAME",
	    "whom cathedrals become that root starts" },

	{ "fleet", FIELD(DEVICES, folder), value_text, 0, "FOLDER", "the fleet, as make made it" },
	{ "at", FIELD(DEVICES | LOAD_ECHO, at), value_endpoint, 0, "ADDR:PORT",
	    "where the cathedral listens; nothing is sent to anybody else" },
	{ "far", FIELD(LOAD_FEDERATE, far_at), value_endpoint, 0, "ADDR:PORT",
	    "the second cathedral, which the receivers are at" },
	{ "from", FIELD(DEVICES | LOAD_ECHO, from), value_text, 0, "ADDR",
	    "this host's address to send from; of an echo: the one address that it serves" },
	{ "shroud", FIELD(DEVICES, shroud), value_yes_no, 0, "yes|no", "mask packets (yes)" },
	{ "first", FIELD(DEVICES, first), value_decimal, UINT32_MAX, "NUMBER",
	    "the fleet's tunnel to begin with (0)" },
	{ "tunnels", FIELD(FLOWS, tunnels), value_decimal, UINT32_MAX, "COUNT",
	    "tunnels that the packets go through (100; cap 1)" },
	{ "others", FIELD(FLOWS, others), value_decimal, UINT32_MAX, "COUNT",
	    "further tunnels that are only made known (0)" },
	{ "others-at", FIELD(FLOWS, others_at), value_endpoint, 0, "ADDR:PORT",
	    "the clear listener that they come by (--at)" },
	{ "patience", FIELD(DEVICES | LOAD_SOAK, patience_ns), value_seconds, 3600, "SECONDS",
	    "for devices to be known (60)" },

	{ "size", FIELD(FLOWS, sizes), value_list, PACKET_MAX, "BYTES",
	    "of data packets with their 32 byte header, or a list: 100,1280 (512)" },
	{ "burst", FIELD(FLOWS, burst), value_decimal, 4096, "COUNT",
	    "packets of a tunnel in a row (1)" },
	{ "merge", FIELD(FLOWS | LOAD_ECHO, merge), value_yes_no, 0, "yes|no",
	    "packets of a flock leave and come as one where the kernel can do it (yes)" },
	{ "rate", FIELD(FLOWS | LOAD_REGISTER | LOAD_SOAK, rate), value_number, 100000000, "NUMBER",
	    "packets or offers a second (10000; cap: from --over; soak 2000); 0: by --window "
	    "alone" },
	{ "window", FIELD(FLOWS | LOAD_REGISTER, window), value_decimal, 1000000, "COUNT",
	    "at most so many under way; 0: any number (0; at rate 0: 1024, or 192 when nothing is "
	    "merged)" },
	{ "seconds", FIELD(FLOWS | LOAD_SOAK, run_ns), value_seconds, SECONDS_MAX, "SECONDS",
	    "how long (5; each round of compare 2; soak 3600)" },

	{ "offers", FIELD(LOAD_REGISTER, offers), value_decimal, 10000000, "COUNT",
	    "how many, a device each (2000)" },
	{ "every", FIELD(LOAD_SOAK, every_ns), value_seconds, 3600, "SECONDS",
	    "a sample each so many seconds (10)" },
	{ "reload", FIELD(LOAD_SOAK, reload_ns), value_seconds, SECONDS_MAX, "SECONDS",
	    "registries change each so many (15)" },
	{ "takeover", FIELD(LOAD_SOAK, takeover_ns), value_seconds, SECONDS_MAX, "SECONDS",
	    "another process takes over from the first cathedral each so many (300)" },
	{ "loss", FIELD(LOAD_SOAK, loss), value_number, 50, "PERCENT",
	    "of what the two cathedrals send each other (2)" },
	{ "strangers", FIELD(LOAD_STRANGERS | LOAD_SOAK, strangers), value_decimal, 10000000,
	    "RATE", "packets of strangers a second (20000; soak 100)" },
	{ "sources", FIELD(LOAD_STRANGERS, sources), value_decimal, 512, "COUNT",
	    "addresses or ports that they come from (64)" },
	{ "over", FIELD(LOAD_CAP, over), value_number, 100, "FACTOR",
	    "send so many times the cap (1.5)" },
	{ "percent", FIELD(LOAD_RELOAD, percent), value_decimal, 100, "PERCENT",
	    "of the flocks that change (1)" },
	{ "steps", FIELD(LOAD_MEMORY, steps), value_list, UINT32_MAX, "LIST",
	    "tunnels at which to look at memory (100,1000)" },
	{ "program", FIELD(LOAD_COMPARE | LOAD_MEMORY | LOAD_SOAK, program), value_text, 0, "PATH",
	    "the cathedral to start" },
	{ "rounds", FIELD(LOAD_COMPARE | LOAD_REGISTER | LOAD_RELOAD, rounds), value_decimal, 1000,
	    "COUNT", "how often (compare 5, register 3, reload 3)" },
	{ "half", FIELD(LOAD_COMPARE, half), NULL, 0, NULL,
	    "find out first how much comes through, then send half of it" },
	{ "pin", FIELD(LOAD_COMPARE, pin), value_yes_no, 0, "yes|no",
	    "keep what is measured on the last CPU, and itself on the others (yes)" },

	{ "pid", FIELD(WATCHED | LOAD_COMPARE, pid), value_decimal, INT32_MAX, "PID",
	    "the cathedral's process: says what CPU time it takes" },
	{ "control", FIELD(WATCHED | LOAD_COMPARE, control), value_text, 0, "SOCKET",
	    "its control socket: says what became of packets" },
	{ "far-pid", FIELD(LOAD_FEDERATE, far_pid), value_decimal, INT32_MAX, "PID",
	    "the second cathedral's process" },
	{ "far-control", FIELD(LOAD_FEDERATE, far_control), value_text, 0, "SOCKET",
	    "its control socket" },
	{ "json", FIELD(~0u, json), NULL, 0, NULL, "print lines of JSON" },
};

#define ROWS        (sizeof(rows) / sizeof(rows[0]))
#define FIRST_VALUE 1000 /* beyond characters */

static bool
value_list(void *to, const char *text, uint64_t max, struct fault *why)
{
	struct number_list list = { .count = 0 };
	char word[24];

	while (*text != '\0') {
		size_t len = strcspn(text, ",");

		if (list.count == STEPS_MAX)
			return fault_set(why, "more than %d numbers", STEPS_MAX);
		snprintf(word, sizeof(word), "%.*s", (int)(len < 23 ? len : 23), text);
		if (!value_decimal(&list.at[list.count++], word, max, why))
			return fault_set(
			    why, "expected numbers up to %" PRIu64 " with commas between", max);
		text += len + (text[len] == ',');
	}
	if (list.count == 0)
		return fault_set(why, "expected numbers with commas between");
	*(struct number_list *)to = list;
	return true;
}

static void
set_defaults(struct load_options *o, enum load_command command)
{
	const uint8_t loopback[4] = { 127, 0, 0, 1 };

	*o = (struct load_options){
		.flocks = 100,
		.devices = 20,
		.workers = 1,
		.shroud_at = endpoint_from_ipv4(loopback, 4500),
		.clear_at = endpoint_from_ipv4(loopback, 4600),
		.shroud = true,
		.tunnels = command == LOAD_CAP ? 1 : 100,
		.patience_ns = 60 * NS_PER_S,
		.sizes = { { 512 }, 1 },
		.steps = { { 100, 1000 }, 2 },
		.burst = 1,
		.rate = command == LOAD_SOAK ? 2000 : 10000,
		.run_ns = (command == LOAD_SOAK         ? 3600
			      : command == LOAD_COMPARE ? 2
							: 5) *
			  NS_PER_S,
		.offers = 2000,
		.rounds = command == LOAD_COMPARE ? 5 : 3,
		.strangers = command == LOAD_SOAK ? 100 : 20000,
		.sources = 64,
		.over = 1.5,
		.every_ns = 10 * NS_PER_S,
		.reload_ns = 15 * NS_PER_S,
		.takeover_ns = 300 * NS_PER_S,
		.loss = 2,
		.percent = 1,
		.pin = true,
		.merge = (command & FLOWS) != 0 || command == LOAD_ECHO,
	};
}

/* ---- what goes together ---- */

static bool
sensible_sizes(const struct load_options *o, struct fault *why)
{
	uint64_t least = traffic_size_min(o->shroud), most = traffic_size_max(o->shroud);

	if (o->sizes.count > TRAFFIC_SIZES_MAX)
		return fault_set(why, "--size: more than %d sizes", TRAFFIC_SIZES_MAX);
	for (size_t n = 0; n < o->sizes.count; n++) {
		if (o->sizes.at[n] < least || o->sizes.at[n] > most)
			return fault_set(why,
			    "--size: %" PRIu64 " is not within %" PRIu64 " and %" PRIu64
			    ", as it has to be %s",
			    o->sizes.at[n], least, most,
			    o->shroud ? "under a shroud" : "without a shroud");
	}
	return true;
}

static bool
sensible_flows(struct load_options *o, struct fault *why)
{
	if (!sensible_sizes(o, why))
		return false;
	if (o->tunnels == 0)
		return fault_set(why, "--tunnels must be at least 1");
	if (o->burst == 0)
		return fault_set(why, "--burst must be at least 1");
	if (o->others_at.port == 0)
		o->others_at = o->at;
	if (o->others > 0 && o->run_ns > OTHERS_NS)
		return fault_set(why, "--seconds: others are not known for longer than 100");
	return true;
}

static bool
sensible_soak(const struct load_options *o, struct fault *why)
{
	if (o->program == NULL)
		return fault_set(why, "--program is missing");
	if (o->rate <= 0)
		return fault_set(why, "--rate: a soak has a rate above 0");
	if (o->run_ns / o->every_ns > SOAK_SAMPLES_MAX)
		return fault_set(
		    why, "--every: more than %d samples are not kept", SOAK_SAMPLES_MAX);
	return true;
}

static bool
sensible(struct load_options *o, enum load_command command, struct fault *why)
{
	if (command == LOAD_MAKE) {
		if (o->flocks == 0 || o->devices == 0 || o->devices % 2 != 0)
			return fault_set(why, "--flocks must be at least 1, --devices even");
		return o->folder != NULL || fault_set(why, "the folder to make is missing");
	}
	if (command == LOAD_SOAK)
		return sensible_soak(o, why);
	if (command != LOAD_ECHO && o->folder == NULL)
		return fault_set(why, "--fleet is missing");
	if (o->at.port == 0)
		return fault_set(why, "--at is missing");
	if (command == LOAD_FEDERATE && o->far_at.port == 0)
		return fault_set(why, "--far is missing");
	if (o->rate == 0 && o->window == 0)
		o->window = load_window(o);
	if (o->rounds == 0)
		return fault_set(why, "--rounds must be at least 1");
	if (command == LOAD_COMPARE && (o->program == NULL) == (o->pid == 0))
		return fault_set(why, "either --program or --pid says what to compare");
	if (command == LOAD_COMPARE && o->pid != 0 && o->pin)
		o->pin = false;
	if (command == LOAD_MEMORY && (o->program == NULL) == (o->pid == 0))
		return fault_set(why, "either --program or --pid says what to look at");
	return (command & FLOWS) == 0 || sensible_flows(o, why);
}

static void
list_options(struct option list[static ROWS + 2], enum load_command command)
{
	for (size_t i = 0; i < ROWS; i++) {
		int argument = rows[i].read != NULL ? required_argument : no_argument;

		if (rows[i].commands & (unsigned)command)
			*list++ =
			    (struct option){ rows[i].name, argument, NULL, FIRST_VALUE + (int)i };
	}
	*list++ = (struct option){ "help", no_argument, NULL, 'h' };
	*list = (struct option){ 0 };
}

static bool
set(struct load_options *o, const struct option_row *r, const char *text, struct fault *why)
{
	void *field = (char *)o + r->offset;

	if (r->read == NULL) {
		*(bool *)field = true;
		return true;
	}
	return r->read(field, text, r->max, why) || fault_prefix(why, "--%s %s", r->name, text);
}

bool
load_options_parse(struct load_options *ret, int argc, char **argv, enum load_command command,
    bool *help, struct fault *why)
{
	struct option list[ROWS + 2];
	int value;

	*help = false;
	why->text[0] = '\0';
	list_options(list, command);
	set_defaults(ret, command);
	while ((value = getopt_long(argc, argv, "h", list, NULL)) != -1) {
		if (value == 'h') {
			*help = true;
			return true;
		}
		if (value == '?' || !set(ret, &rows[value - FIRST_VALUE], optarg, why))
			return false;
	}
	if (command == LOAD_MAKE && optind < argc)
		ret->folder = argv[optind++];
	if (optind < argc)
		return fault_set(why, "%s: what is this?", argv[optind]);
	return sensible(ret, command, why);
}

void
load_options_help(FILE *to, enum load_command command)
{
	char left[64];

	for (size_t i = 0; i < ROWS; i++) {
		const struct option_row *r = &rows[i];

		if ((r->commands & (unsigned)command) == 0)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", r->name, r->argument != NULL ? " " : "",
		    r->argument != NULL ? r->argument : "");
		fprintf(to, "  %-22s %s\n", left, r->help);
	}
	fprintf(to, "  %-22s %s\n", "-h, --help", "print this");
}
