/* SPDX-License-Identifier: ISC */
#ifndef RELIQUARY_API_SERVICE_DISK_H
#define RELIQUARY_API_SERVICE_DISK_H

#include "reliquary-api/store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes that are left for us in the file system of folder; false when that cannot be asked. */
bool disk_free(const char *folder, uint64_t *bytes);

/*
 * What an error of the file system means: STORE_NO_SPACE when it is full or read-only, or files may
 * not become so large; else STORE_FAILED.
 */
enum store_result disk_result(int error);

#endif
