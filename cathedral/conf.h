/* SPDX-License-Identifier: ISC */
/*
 * The configuration file of a cathedral: our own keywords, and those of sanctum's cathedral mode
 * with the same meaning, in one table (docs/man/cathedral.conf.5).
 */
#ifndef CATHEDRAL_CONF_H
#define CATHEDRAL_CONF_H

#include "base/conf.h"
#include "base/endpoint.h"
#include "base/fault.h"
#include "base/log.h"
#include "cathedral/relay/site.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONF_WORKERS_MAX 64

/* What sanctum's keywords say about the one listener that they know. */
struct conf_local {
	bool present;
	size_t index; /* into the listeners */
	bool shroud_given, shroud;
	uint64_t nat_port;         /* 0: none */
	struct endpoint advertise; /* port 0; all zero: none */
	bool advertise_given;
};

struct conf {
	struct site_options site; /* complete once conf_read() is done */
	struct conf_local local;

	char mode[CONF_TEXT_MAX];
	char instance[CONF_TEXT_MAX];
	char settings[CONF_TEXT_MAX]; /* and secretdir, or else registry and its key; else empty */
	char secretdir[CONF_TEXT_MAX];
	char registry[CONF_TEXT_MAX];
	char registry_key[CONF_TEXT_MAX];
	char federation_secret[CONF_TEXT_MAX]; /* empty: none */
	char pidfile[CONF_TEXT_MAX];           /* empty: none */
	char control[CONF_TEXT_MAX];           /* empty: none */
	char control_user[CONF_TEXT_MAX];      /* who may use it; empty: only the daemon's user */
	char handover[CONF_TEXT_MAX];          /* the socket for who takes over; empty: none */
	bool handover_given;
	char state[CONF_TEXT_MAX]; /* what is known, for the next start; empty: none */
	uint64_t state_interval;   /* seconds */
	char user[CONF_TEXT_MAX];  /* to become; empty: stay */
	bool user_given, run_given, run_preferred;

	struct endpoint metrics; /* port 0: none */
	enum log_level log_level;
	bool sandbox, merge;
	bool sender_check, p2p_sync, federation_letters;
	bool tfc;         /* means nothing to a cathedral */
	uint64_t workers; /* 0: as many as there are CPUs */
	uint64_t federation_refresh;
	uint64_t mtu, socket_buffer, lookup_percent;
	uint64_t spin, busy_poll;                  /* microseconds */
	uint64_t egress;                           /* Mbit/s; 0: no limit */
	uint64_t budget_month, flock_budget_month; /* bytes; 0: no limit */
	char budget_file[CONF_TEXT_MAX];           /* what of these was used; empty: none */
	uint64_t tunnels_max, liturgies_max, identities_max, replays_max, lookups_max;
	uint64_t tunnels_per_device, identities_per_device, offer_rate;
};

/* The option table, for --help-conf and for the test that compares it with the manual. */
extern const struct conf_option conf_options[];

/* Reads the file at path; the fault names file, line and keyword. */
bool conf_read(struct conf *ret, const char *path, struct fault *why);

/* The same from text that has no folder: relative paths stay as they are. */
bool conf_read_text(struct conf *ret, const char *name, const char *text, struct fault *why);

#endif
