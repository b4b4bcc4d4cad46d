/* SPDX-License-Identifier: ISC */
/* The command line: one table of options for all commands. */
#ifndef TOOLS_CATHEDRAL_PROBE_OPTIONS_H
#define TOOLS_CATHEDRAL_PROBE_OPTIONS_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "tools/device/device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NOT_GIVEN UINT64_MAX

/* What a device is told. */
struct device_options {
	struct endpoint cathedrals[DEVICE_CATHEDRALS];
	size_t cathedral_count;
	struct endpoint bind;
	bool has_bind, shroud, remembrance;
	uint64_t nat_port, flock, flock_dst, domain, id, tunnel, mtu, rx_spi, tx_spi;
	uint64_t interval_ns, give_up_ns;
	const char *cs, *cosk, *kek; /* paths */
};

enum command_bit { FOR_REGISTER = 1, FOR_PAIR = 2, FOR_END = 4, FOR_ALL = 7 };

struct options {
	struct device_options ends[2]; /* the second one is a pair's b */
	uint64_t group;                /* NOT_GIVEN: no liturgies */
	bool signalling, hidden;
	struct kek_set signalled;
	unsigned expect; /* 1 << enum device_event_kind */
	uint64_t duration_ns, patience_ns;
	uint64_t silence_ns; /* worth a word when it ends */
	double rate;         /* data packets per second and direction */
	uint64_t size;
	double max_loss, max_latency_ms, max_gap_s; /* below 0: not asked for */
	bool echo, p2p, events, json;
};

/*
 * Reads the words behind the command; bit says which command.  False with a sentence in why, or
 * with an empty one when getopt_long() has said it already.  *help is set when help is wanted.
 */
bool options_parse(struct options *ret, int argc, char **argv, enum command_bit bit, bool *help,
    struct fault *why);

void options_help(FILE *to, enum command_bit bit);

#endif
