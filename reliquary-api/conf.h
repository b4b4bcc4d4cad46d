/* SPDX-License-Identifier: ISC */
/* reliquary-api's configuration: docs/man/reliquary-api.conf.5. */
#ifndef RELIQUARY_API_CONF_H
#define RELIQUARY_API_CONF_H

#include "base/conf.h"
#include "base/log.h"
#include "reliquary-api/auth/rates.h"
#include "reliquary-api/handlers/settings.h"
#include "reliquary-api/http/server.h"

#define API_CONF_ENV     "RELIQUARY_API_"
#define API_THREADS_MAX  64
#define API_POW_BITS_MAX 48

struct api_conf {
	char data[CONF_TEXT_MAX];     /* folder: reliquary.db, key, bundles/ */
	char key_file[CONF_TEXT_MAX]; /* "" for DATA/key */
	char user[CONF_TEXT_MAX];
	bool sandbox;
	struct endpoint admin; /* port 0: none */
	bool admin_given;
	struct server_options server; /* listener, limits, TLS, proxies */
	uint64_t threads;             /* 0: as many as there are CPUs */
	uint64_t connections, connections_per_source, idle_s, body_s, body_rate, header_max;
	struct settings settings;
	struct rate rates[RATE_COUNT];
	uint64_t pow_bits, pow_bits_most, pow_calm; /* calm: registrations an hour */
	uint64_t cache_kib, busy_ms, queue_max, group_max, uploads_max;
	uint64_t joins_total, account_grace_s, event_s, disk_free_min, upkeep_s, drain_s;
	enum log_level log_level;
};

extern const struct conf_option api_conf_table[];

/*
 * Defaults, then the file (path NULL: none), then the environment (RELIQUARY_API_LISTEN for
 * "listen"; an option that repeats takes the place of the file's lines, separated by newlines),
 * then what the command line says (pairs of keyword and value, ended by NULL).  Checks what goes
 * together: "open" registration without a rate is refused.
 */
bool api_conf_read(struct api_conf *ret, const char *path, char *const *env,
    const char *const *given, struct fault *why);

/* Paths made of it: name in the data folder; false when too long. */
bool api_conf_path(const struct api_conf *c, const char *name, char out[static CONF_TEXT_MAX]);

/* Where the key file is. */
bool api_conf_key(const struct api_conf *c, char out[static CONF_TEXT_MAX]);

/* Does everything that is listened for come over TLS, from this host, or from a trusted proxy? */
bool api_conf_is_private(const struct api_conf *c);

#endif
