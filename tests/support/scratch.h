/* SPDX-License-Identifier: ISC */
/* A folder of a test's own for the files it makes.  Failing to make it fails the running test. */
#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

#define SCRATCH_PATH_MAX 256

struct scratch {
	char path[SCRATCH_PATH_MAX];
};

struct scratch scratch_make(void);

/* Removes the folder with all that is in it. */
void scratch_remove(const struct scratch *s);

struct scratch_name {
	char path[2 * SCRATCH_PATH_MAX];
};

/* The path of a file in the folder. */
struct scratch_name scratch_name(const struct scratch *s, const char *name);

/* Writes text to a file in the folder by the C library and returns its path. */
struct scratch_name scratch_write(const struct scratch *s, const char *name, const char *text);

#endif
