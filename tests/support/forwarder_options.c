/* SPDX-License-Identifier: ISC */
#include "tests/support/forwarder_options.h"

#include "base/clock.h"
#include "base/hex.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void
forwarder_refuse(const char *what, const char *text)
{
	fprintf(stderr, "test-forwarder: %s: %s\n", what, text);
	exit(EXIT_FAILURE);
}

static const char help[] =
    "Usage: test-forwarder --inside NS:TUN --outside NS:TUN [OPTION...]\n"
    "Forwards UDP over IPv4 between two tun devices in namespaces made by ip(8).\n"
    "  --nat none|full|restricted|symmetric   what is done to addresses (default none)\n"
    "  --public ADDRESS                       outside address of the NAT\n"
    "  --first-port PORT                      first outside port (default 20000)\n"
    "  --loss P, --duplicate P                probability, 0 to 1\n"
    "  --delay-ms N, --jitter-ms N            fixed delay, and random on top (reorders)\n"
    "  --seed N                               of the random numbers (printed)\n"
    "  --control FIFO                         reads: rebind, down, up, report, loss P, ...\n"
    "Each of the faults may be given as in:N or out:N, for one direction only.\n";

static bool
nat_kind_read(enum nat_kind *ret, const char *text)
{
	static const char *const names[] = { [NAT_NONE] = "none",
		[NAT_FULL_CONE] = "full",
		[NAT_RESTRICTED] = "restricted",
		[NAT_SYMMETRIC] = "symmetric" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], text) == 0) {
			*ret = (enum nat_kind)i;
			return true;
		}
	}
	return false;
}

enum {
	OPT_INSIDE = 256,
	OPT_OUTSIDE,
	OPT_NAT,
	OPT_PUBLIC,
	OPT_PORT,
	OPT_SEED,
	OPT_CONTROL,
	OPT_HELP,
	OPT_FAULT
};

static const struct option long_options[] = {
	{ "inside", required_argument, NULL, OPT_INSIDE },
	{ "outside", required_argument, NULL, OPT_OUTSIDE },
	{ "nat", required_argument, NULL, OPT_NAT },
	{ "public", required_argument, NULL, OPT_PUBLIC },
	{ "first-port", required_argument, NULL, OPT_PORT },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "loss", required_argument, NULL, OPT_FAULT },
	{ "duplicate", required_argument, NULL, OPT_FAULT },
	{ "delay-ms", required_argument, NULL, OPT_FAULT },
	{ "jitter-ms", required_argument, NULL, OPT_FAULT },
	{ 0 },
};

static bool
option_read(struct forwarder_options *o, int option, const char *name)
{
	switch (option) {
	case OPT_INSIDE:
	case OPT_OUTSIDE:
		o->tuns[option - OPT_INSIDE] = optarg;
		return true;
	case OPT_NAT:
		return nat_kind_read(&o->nat, optarg);
	case OPT_PUBLIC:
		return endpoint_parse_ip(&o->public, optarg) && endpoint_is_ipv4(&o->public);
	case OPT_PORT:
		return decimal_u64(&o->first_port, optarg, UINT16_MAX);
	case OPT_SEED:
		return decimal_u64(&o->seed, optarg, UINT64_MAX);
	case OPT_CONTROL:
		o->control = optarg;
		return true;
	case OPT_FAULT:
		if (o->fault_count == FORWARDER_FAULTS)
			return false;
		o->faults[o->fault_count].name = name;
		o->faults[o->fault_count++].value = optarg;
		return true;
	default:
		return false;
	}
}

void
forwarder_options_read(struct forwarder_options *o, int argc, char **argv)
{
	int option, index = 0;

	*o =
	    (struct forwarder_options){ .first_port = 20000, .seed = (uint64_t)clock_now().wall_s };
	while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (option == OPT_HELP) {
			fputs(help, stdout);
			exit(EXIT_SUCCESS);
		}
		if (option == '?')
			exit(EXIT_FAILURE);
		if (!option_read(o, option, long_options[index].name))
			forwarder_refuse(long_options[index].name, optarg);
	}
	if (optind != argc || o->tuns[INSIDE] == NULL || o->tuns[OUTSIDE] == NULL)
		forwarder_refuse("usage", "needs --inside and --outside, see --help");
	if (o->nat != NAT_NONE && endpoint_is_any(&o->public))
		forwarder_refuse("usage", "a NAT needs --public");
}
