/* SPDX-License-Identifier: ISC */
/* The folders that hold what a registry is made of, and which names in them matter. */
#ifndef CATHEDRAL_IO_FOLDERS_H
#define CATHEDRAL_IO_FOLDERS_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

struct folder {
	char *path;
	char *name;   /* the one file in it that matters; NULL: more than one */
	char *prefix; /* with name NULL: only names that begin so; NULL: all names */
};

struct folders {
	struct folder *list;
	size_t count, max;
	bool all; /* false when more than max would have been needed */
};

/*
 * Collects at most max: the folders of settings, federation secret (NULL: none) and secretdir,
 * then of the bundles that the settings name, then the flocks' folders in secretdir.  Settings
 * that cannot be read or parsed name no bundles.  False when out of memory.
 */
bool folders_find(struct folders *f, const char *settings, const char *federation,
    const char *secretdir, size_t max);
void folders_free(struct folders *f);

/* Whether a change of the file `name` in this folder matters. */
bool folder_matters(const struct folder *f, const char *name);

#endif
