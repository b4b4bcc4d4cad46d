/* SPDX-License-Identifier: ISC */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * Reads a regular file of at most max bytes whole.  *ret is malloc'd with a NUL behind its last
 * byte (not counted); the caller frees it.  The fault names the path and the reason.
 */
bool file_read(uint8_t **ret, size_t *len, const char *path, size_t max, struct fault *why);

/* Reads exactly len bytes into out (keys): no copy is left behind, too long is refused too. */
bool file_read_exact(void *out, size_t len, const char *path, struct fault *why);

/*
 * Opens a regular file for reading, and says what it is; -1 with the reason.  Does not wait, not
 * even for who would write to a FIFO.
 */
int file_open_regular(struct stat *ret, const char *path, struct fault *why);

/* Reads until max bytes are there or the file ends; -1 with errno. */
ssize_t file_read_up_to(int fd, void *to, size_t max);

/* Replaces path atomically: temporary file in the same folder, fsync, rename, fsync of the folder.
 */
bool file_replace(const char *path, mode_t mode, const void *data, size_t len, struct fault *why);

/* Like file_replace(), but fails (with errno EEXIST) when path is there: never overwrites. */
bool file_create(const char *path, mode_t mode, const void *data, size_t len, struct fault *why);

/* Writes all of it to an open file; false with errno. */
bool file_write_all(int fd, const void *data, size_t len);

/* Opens the folder that path is in, to read it; -1 with errno. */
int file_open_folder(const char *path);

/* Is it on disk: the bytes of a file, or the names in a folder?  False with errno. */
bool file_sync(const char *path);

/* The same of its name, so that a rename or a link survives a power cut. */
bool file_sync_name(const char *path);

/* Makes the folder and its parents with the mode given; fine when it is there. */
bool file_make_folder(const char *path, mode_t mode, struct fault *why);

#endif
