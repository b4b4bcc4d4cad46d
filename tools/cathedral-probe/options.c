/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-probe/options.h"

#include "tools/cathedral-probe/option_values.h"
#include "tools/cathedral-probe/stamp.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>

#define COMMON(field)      FOR_ALL, false, offsetof(struct options, field)
#define ONLY(which, field) which, false, offsetof(struct options, field)
#define DEVICE(field)      FOR_ALL, true, offsetof(struct device_options, field)

static const struct option_row {
	const char *name;
	unsigned commands;
	bool
	    device; /* a device's: the offset is in its options, and a pair has it with -a and -b */
	size_t offset;
	value_read *read; /* NULL: sets a bool */
	uint64_t max;
	const char *argument, *help;
} rows[] = {
	{ "cathedral", DEVICE(cathedrals), value_cathedral, 0, "ADDR:PORT",
	    "a cathedral; more of them are for failing over" },
	{ "nat-port", DEVICE(nat_port), value_decimal, UINT16_MAX, "PORT",
	    "probe for a NAT at this port of the cathedral" },
	{ "flock", DEVICE(flock), value_hex, UINT64_MAX - 1, "HEX", "the device's flock" },
	{ "flock-dst", DEVICE(flock_dst), value_hex, UINT64_MAX - 1, "HEX",
	    "the peer's flock, if another" },
	{ "domain", DEVICE(domain), value_hex, UINT8_MAX, "HEX", "domain within both flocks" },
	{ "id", DEVICE(id), value_hex, UINT32_MAX, "HEX", "the device's identity" },
	{ "tunnel", DEVICE(tunnel), value_hex, UINT16_MAX, "HEX",
	    "own and peer's KEK number, such as cafe" },
	{ "cs", DEVICE(cs), value_text, 0, "FILE", "cathedral secret, 32 bytes" },
	{ "cosk", DEVICE(cosk), value_text, 0, "FILE", "private signing key, 64 bytes" },
	{ "kek", DEVICE(kek), value_text, 0, "FILE",
	    "key encryption key, 32 bytes: opens ambries" },
	{ "bind", DEVICE(bind), value_bind, 0, "ADDR[:PORT]", "send from this address" },
	{ "shroud", DEVICE(shroud), value_yes_no, 0, "yes|no", "mask packets (yes)" },
	{ "mtu", DEVICE(mtu), value_decimal, DEVICE_PACKET_MAX, "BYTES",
	    "pad shrouded packets below this (1373); 0: no padding" },
	{ "interval", DEVICE(interval_ns), value_seconds, 3600, "SECONDS",
	    "between info offers, and liturgies (5)" },
	{ "give-up", DEVICE(give_up_ns), value_seconds, 86400, "SECONDS",
	    "go to the next cathedral after so long without an answer (45)" },
	{ "remembrance", DEVICE(remembrance), NULL, 0, NULL,
	    "ask for the list of cathedrals, and use it" },
	{ "rx-spi", DEVICE(rx_spi), value_hex, UINT32_MAX, "HEX",
	    "SPI under which it receives (derived from flock and tunnel)" },
	{ "tx-spi", DEVICE(tx_spi), value_hex, UINT32_MAX, "HEX",
	    "SPI under which the peer receives (likewise)" },

	{ "group", ONLY(FOR_REGISTER, group), value_hex, UINT16_MAX, "HEX",
	    "send liturgies for this group" },
	{ "signal", ONLY(FOR_REGISTER, signalled), value_signal, 0, "NN,NN",
	    "make them signalling ones that call these KEK numbers" },
	{ "hidden", ONLY(FOR_REGISTER, hidden), NULL, 0, NULL, "make them hidden ones" },
	{ "expect", ONLY(FOR_REGISTER, expect), value_expect, 0, "LIST",
	    "end well once all of info,ambry,liturgy,remembrance in LIST came" },
	{ "rate", ONLY(FOR_PAIR | FOR_END, rate), value_number, 1000000, "NUMBER",
	    "data packets per second and direction (pair 50, end 0)" },
	{ "size", ONLY(FOR_PAIR | FOR_END, size), value_decimal, PACKET_MAX, "BYTES",
	    "of a data packet with its 32 byte header (700)" },
	{ "max-loss", ONLY(FOR_PAIR, max_loss), value_number, 100, "PERCENT",
	    "exit 1 when more is lost in a direction" },
	{ "max-latency-ms", ONLY(FOR_PAIR, max_latency_ms), value_number, 1000000, "MS",
	    "exit 1 when 1 % of a direction's packets take longer" },
	{ "max-gap", ONLY(FOR_PAIR, max_gap_s), value_number, 1000000, "SECONDS",
	    "exit 1 when a direction is silent for longer" },
	{ "register-timeout", ONLY(FOR_PAIR, patience_ns), value_seconds, 3600, "SECONDS",
	    "for the first packets to come through (15)" },
	{ "silence", ONLY(FOR_END, silence_ns), value_seconds, 3600, "SECONDS",
	    "tell when the peer is heard again after so long (5)" },
	{ "echo", ONLY(FOR_END, echo), NULL, 0, NULL, "send the peer's packets back to it" },
	{ "p2p", ONLY(FOR_END, p2p), NULL, 0, NULL,
	    "also send to the peer's own address, once it is known" },
	{ "duration", COMMON(duration_ns), value_seconds, 1000000, "SECONDS",
	    "how long (register 12, pair 10, end until stopped)" },
	{ "events", ONLY(FOR_PAIR, events), NULL, 0, NULL, "print what happens as it happens" },
	{ "json", COMMON(json), NULL, 0, NULL, "print lines of JSON" },
};

#define ROWS     (sizeof(rows) / sizeof(rows[0]))
#define ENDS_ALL 0 /* or a pair's 1: a, 2: b */

/* What getopt_long() returns for a row: beyond characters, and which end it is for. */
#define VALUE_OF(row, end) (1000 + 3 * (int)(row) + (end))

struct long_options {
	struct option list[3 * ROWS + 2];
	char names[2 * ROWS][32];
};

/* A pair's devices have every option of a device with -a and -b behind its name, too. */
static void
list_options(struct long_options *o, enum command_bit bit)
{
	static const char *const suffixes[] = { "", "-a", "-b" };
	struct option *next = o->list;
	size_t named = 0;

	for (size_t i = 0; i < ROWS; i++) {
		const struct option_row *r = &rows[i];
		int ends = bit == FOR_PAIR && r->device ? 3 : 1;
		int argument = r->read != NULL ? required_argument : no_argument;

		if ((r->commands & bit) == 0)
			continue;
		*next++ = (struct option){ r->name, argument, NULL, VALUE_OF(i, ENDS_ALL) };
		for (int end = 1; end < ends; end++) {
			char *name = o->names[named++];

			snprintf(name, sizeof(o->names[0]), "%s%s", r->name, suffixes[end]);
			*next++ = (struct option){ name, argument, NULL, VALUE_OF(i, end) };
		}
	}
	*next++ = (struct option){ "help", no_argument, NULL, 'h' };
	*next = (struct option){ 0 };
}

static bool
set_at(const struct option_row *r, void *base, const char *text, struct fault *why)
{
	void *field = (char *)base + r->offset;

	if (r->read == NULL) {
		*(bool *)field = true;
		return true;
	}
	/* Lists and addresses have a count or a flag beside them: their readers get the struct. */
	if (r->read == value_cathedral || r->read == value_bind || r->read == value_signal)
		field = base;
	return r->read(field, text, r->max, why) || fault_prefix(why, "--%s %s", r->name, text);
}

static bool
set(struct options *o, int value, const char *text, struct fault *why)
{
	const struct option_row *r = &rows[(value - 1000) / 3];
	int end = (value - 1000) % 3;

	if (!r->device)
		return set_at(r, o, text, why);
	return (end == 2 || set_at(r, &o->ends[0], text, why)) &&
	       (end == 1 || set_at(r, &o->ends[1], text, why));
}

static void
set_defaults(struct options *o, enum command_bit bit)
{
	struct device_config c = device_config_default();
	struct device_options d = {
		.shroud = c.shroud,
		.nat_port = 0,
		.flock = NOT_GIVEN,
		.flock_dst = NOT_GIVEN,
		.domain = NOT_GIVEN,
		.id = NOT_GIVEN,
		.tunnel = NOT_GIVEN,
		.mtu = c.mtu,
		.rx_spi = NOT_GIVEN,
		.tx_spi = NOT_GIVEN,
		.interval_ns = c.info_ns,
		.give_up_ns = c.give_up_ns,
	};

	*o = (struct options){
		.ends = { d, d },
		.group = NOT_GIVEN,
		.duration_ns = bit == FOR_REGISTER ? 12 * NS_PER_S
			       : bit == FOR_PAIR   ? 10 * NS_PER_S
						   : UINT64_MAX,
		.patience_ns = 15 * NS_PER_S,
		.silence_ns = 5 * NS_PER_S,
		.rate = bit == FOR_PAIR ? 50 : 0,
		.size = 700,
		.max_loss = -1,
		.max_latency_ms = -1,
		.max_gap_s = -1,
	};
}

/* What can be told from the other end, or is the same as another value. */
static void
fill_in(struct options *o)
{
	struct device_options *a = &o->ends[0], *b = &o->ends[1];

	if (a->flock_dst == NOT_GIVEN)
		a->flock_dst = a->flock;
	if (b->flock_dst == NOT_GIVEN)
		b->flock_dst = b->flock == NOT_GIVEN ? a->flock : b->flock;
	if (b->flock == NOT_GIVEN)
		b->flock = a->flock_dst;
	/* What was said for both ends is meant as seen from a. */
	if (b->flock == a->flock && b->flock_dst == a->flock_dst) {
		b->flock = a->flock_dst;
		b->flock_dst = a->flock;
	}
	if (b->tunnel == NOT_GIVEN || b->tunnel == a->tunnel)
		b->tunnel = tunnel_reverse((struct tunnel_id){ (uint16_t)a->tunnel }).value;

	for (struct device_options *d = a; d <= b; d++) {
		struct flock_id flock = { d->flock }, other = { d->flock_dst };

		if (d->domain == NOT_GIVEN)
			continue;
		d->flock = flock_with_domain(flock, (uint8_t)d->domain).value;
		d->flock_dst = flock_with_domain(other, (uint8_t)d->domain).value;
	}
}

static bool
complete(const struct device_options *d, const char *suffix, struct fault *why)
{
	const struct {
		const char *name;
		bool given;
	} needed[] = {
		{ "cathedral", d->cathedral_count > 0 },
		{ "flock", d->flock != NOT_GIVEN },
		{ "id", d->id != NOT_GIVEN },
		{ "tunnel", d->tunnel != NOT_GIVEN },
		{ "cs", d->cs != NULL },
		{ "cosk", d->cosk != NULL },
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!needed[i].given)
			return fault_set(why, "--%s%s is missing", needed[i].name, suffix);
	return true;
}

static bool
sensible(const struct options *o, enum command_bit bit, struct fault *why)
{
	const struct device_options *a = &o->ends[0], *b = &o->ends[1];
	size_t most = PACKET_MAX - SHROUD_HEADER_SIZE - 1;

	if (!complete(a, bit == FOR_PAIR ? "-a" : "", why) ||
	    (bit == FOR_PAIR && !complete(b, "-b", why)))
		return false;
	if (bit == FOR_PAIR && a->id == b->id && a->flock == b->flock)
		return fault_set(why, "both ends are the same device; --id-b names the other");
	if (bit == FOR_PAIR &&
	    b->tunnel != tunnel_reverse((struct tunnel_id){ (uint16_t)a->tunnel }).value)
		return fault_set(why, "--tunnel-b must be --tunnel-a with its two halves swapped");
	if (o->size < DATA_HEADER_SIZE + STAMP_SIZE)
		return fault_set(why, "--size must be at least %d", DATA_HEADER_SIZE + STAMP_SIZE);
	if ((a->shroud || (bit == FOR_PAIR && b->shroud)) && o->size > most)
		return fault_set(why, "--size must be at most %zu under shroud", most);
	if (o->group == NOT_GIVEN && (o->signalling || o->hidden))
		return fault_set(why, "--signal and --hidden go with --group");
	return true;
}

bool
options_parse(
    struct options *ret, int argc, char **argv, enum command_bit bit, bool *help, struct fault *why)
{
	struct long_options list;
	int value;

	*help = false;
	why->text[0] = '\0';
	list_options(&list, bit);
	set_defaults(ret, bit);
	while ((value = getopt_long(argc, argv, "h", list.list, NULL)) != -1) {
		if (value == 'h') {
			*help = true;
			return true;
		}
		if (value == '?' || !set(ret, value, optarg, why))
			return false;
	}
	if (optind < argc)
		return fault_set(why, "%s: what is this?", argv[optind]);
	fill_in(ret);
	return sensible(ret, bit, why);
}

void
options_help(FILE *to, enum command_bit bit)
{
	char left[64];

	for (size_t i = 0; i < ROWS; i++) {
		const struct option_row *r = &rows[i];

		if ((r->commands & bit) == 0)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s%s", r->name,
		    bit == FOR_PAIR && r->device ? "[-a|-b]" : "", r->argument != NULL ? " " : "",
		    r->argument != NULL ? r->argument : "");
		fprintf(to, "  %-34s %s\n", left, r->help);
	}
	fprintf(to, "  %-34s %s\n", "-h, --help", "print this");
}
