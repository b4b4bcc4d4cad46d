/* SPDX-License-Identifier: ISC */
/*
 * Where commands work: the configuration, the data folder, the database of a service that may be
 * running, and its key file.
 */
#ifndef RELIQUARY_API_COMMANDS_OFFICE_H
#define RELIQUARY_API_COMMANDS_OFFICE_H

#include "base/random.h"
#include "database/vault.h"
#include "reliquary-api/commands/invocation.h"
#include "reliquary-api/conf.h"
#include "reliquary-api/store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct office {
	struct api_conf conf;
	const char *conf_path; /* the file that was read; NULL: none */
	char database[CONF_TEXT_MAX], bundles[CONF_TEXT_MAX], key[CONF_TEXT_MAX],
	    lock_path[CONF_TEXT_MAX];
	struct store_options options;
	struct random random;
	int64_t now; /* Unix time */
	struct vault *vault;
	struct store *store;
	struct session *session; /* a writer's */
	int lock;                /* -1: not held */
};

/* Reads the configuration only: no file of the data folder is touched. */
bool office_read(struct office *o, const struct invocation *in, struct fault *why);

/*
 * Who runs this as root becomes the owner of the data folder, so that nothing is left there that
 * the service cannot read, and nothing is done with root's powers.
 */
bool office_become_owner(const struct office *o, struct fault *why);

/* All of it for a command: a database of this program's version has to be there. */
bool office_open(struct office *o, const struct invocation *in, struct fault *why);

/* Opens the key file, and makes sure that it is the database's. */
bool office_unlock(struct office *o, struct fault *why);

/* The key file of a database that is there; without it, what is lost is said. */
bool office_open_vault(struct office *o, struct fault *why);

/*
 * Is the key file the one that the database was made with?  A database that does not know of one
 * remembers it.
 */
bool office_match_vault(struct session *s, const struct vault *v, const char *key_path,
    const char *database, struct fault *why);

/* One of services and commands that cannot share the data folder; it is held until the end. */
bool office_lock(struct office *o, struct fault *why);

/* In reverse order, and fine for what was not opened. */
void office_close(struct office *o);

/* What the store says of the thing called name, in words; false unless it is STORE_OK. */
bool office_result(enum store_result result, const char *kind, const char *name, struct fault *why);

#endif
