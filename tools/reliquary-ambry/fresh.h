/* SPDX-License-Identifier: ISC */
/*
 * A folder that comes into being whole or not at all: filled under a temporary name beside its
 * place, and given its name at the end.  What is there already is never touched.
 */
#ifndef TOOLS_RELIQUARY_AMBRY_FRESH_H
#define TOOLS_RELIQUARY_AMBRY_FRESH_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

#define TREE_PATH_MAX 128 /* paths in the key tree are short */

struct fresh {
	char path[TREE_PATH_MAX];
	char temporary[TREE_PATH_MAX];
};

/* Refused when path is there; the folder above it must be. */
bool fresh_begin(struct fresh *f, const char *path, struct fault *why);

/* A folder inside, mode 0700, and a file inside, mode 0400; names are relative to it. */
bool fresh_folder(struct fresh *f, const char *name, struct fault *why);
bool fresh_file(struct fresh *f, const char *name, const void *data, size_t len, struct fault *why);

/* Puts all of it on disk, then in its place; on failure nothing is left. */
bool fresh_commit(struct fresh *f, struct fault *why);

/* Removes what was made so far. */
void fresh_abandon(struct fresh *f);

#endif
