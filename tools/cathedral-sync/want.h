/* SPDX-License-Identifier: ISC */
/* Members of a JSON object that must be there and be of a kind.  False with "NAME: what is wrong".
 */
#ifndef CATHEDRAL_SYNC_WANT_H
#define CATHEDRAL_SYNC_WANT_H

#include "base/fault.h"
#include "base/ids.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Printable ASCII, at most size - 1 bytes; may be empty. */
bool want_text(const json_t *object, const char *name, char *into, size_t size, struct fault *why);
bool want_number(const json_t *object, const char *name, uint64_t *into, uint64_t min, uint64_t max,
    struct fault *why);
bool want_flag(const json_t *object, const char *name, bool *into, struct fault *why);

/* 2 * size lower-case hex digits. */
bool want_hex(
    const json_t *object, const char *name, uint8_t *into, size_t size, struct fault *why);

/* 16 lower-case hex digits that end in 00, and not all zero; and 8 of them. */
bool want_flock(const json_t *object, const char *name, struct flock_id *into, struct fault *why);
bool want_device(const json_t *object, const char *name, struct device_id *into, struct fault *why);

/* The same of a value that is no member; the fault names nothing. */
bool want_flock_value(const json_t *value, struct flock_id *into, struct fault *why);

/* Borrowed; at most so many elements. */
bool want_list(
    const json_t *object, const char *name, size_t most, const json_t **into, struct fault *why);

#endif
