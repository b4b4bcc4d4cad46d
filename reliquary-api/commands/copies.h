/* SPDX-License-Identifier: ISC */
/*
 * A backup is FILE, one consistent database; FILE.bundles, a folder of the bundles it knows; and,
 * if asked for, FILE.key.
 */
#ifndef RELIQUARY_API_COMMANDS_COPIES_H
#define RELIQUARY_API_COMMANDS_COPIES_H

#include "base/conf.h"
#include "base/fault.h"
#include "reliquary-api/store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* path with an ending; false when it is too long. */
bool copies_name(
    char out[static CONF_TEXT_MAX], const char *path, const char *ending, struct fault *why);

/* Makes a folder of mode 0700; fine when it is there. */
bool copies_folder(const char *path, struct fault *why);

struct copies_count {
	uint64_t there;   /* bundles that are in the folder now */
	uint64_t missing; /* that the database knows, but neither folder has */
};

/*
 * Puts the files of all bundles that a database knows from one folder into another, by links where
 * the file system has them: a bundle's file is never changed.
 */
bool copies_put_bundles(struct session *s, const char *from, const char *to,
    struct copies_count *ret, struct fault *why);

/* Puts every file of a folder into another in the same way. */
bool copies_put_folder(const char *from, const char *to, struct fault *why);

/* Removes files from a folder that are no bundles of the database. */
bool copies_remove_others(struct session *s, const char *folder, struct fault *why);

/* Removes a folder of bundles, if nothing else is in it, as far as that is possible. */
void copies_remove_folder(const char *path);

/* Removes a database of ours with what lies beside it while it is open. */
void copies_remove_database(const char *path);

/*
 * Gives a file another name beside it, so that copies_rename() can put something in its place
 * without a moment in which there is neither.  Where the file system has no links it is moved.
 */
bool copies_set_aside(const char *path, const char *aside, struct fault *why);

/* Takes the place of what is there, and is on disk. */
bool copies_rename(const char *from, const char *to, struct fault *why);

#endif
