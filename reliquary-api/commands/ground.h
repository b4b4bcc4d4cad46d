/* SPDX-License-Identifier: ISC */
/* What a service stands on: its data folder, its user, its key file and its database. */
#ifndef RELIQUARY_API_COMMANDS_GROUND_H
#define RELIQUARY_API_COMMANDS_GROUND_H

#include "base/fault.h"
#include "reliquary-api/commands/office.h"

#include <stdbool.h>

/* The folder, for the user it is to be of, when it is not there. */
bool ground_make_folder(const struct office *o, struct fault *why);

/*
 * Becomes the user named, else the folder's owner.  Where that is root it stays so, without root's
 * powers.
 */
bool ground_become_user(const struct office *o, struct fault *why);

/*
 * Without a database (v) there must be no bundles: a new one would own none of them, and upkeep
 * would remove them all within a minute.
 */
bool ground_check_lost(const struct office *o, const struct schema_version *v, struct fault *why);

/*
 * Takes the folder for this process, and opens key file and database; makes the database, and the
 * key file if need be, when it is not there, and then *first is true.  A database that was there
 * is missed by its bundles.
 */
bool ground_open(struct office *o, bool *first, struct fault *why);

#endif
