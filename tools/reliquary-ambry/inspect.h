/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_RELIQUARY_AMBRY_INSPECT_H
#define TOOLS_RELIQUARY_AMBRY_INSPECT_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

/* Checks a whole bundle file and prints what it is; false when it is not sound, or has expired. */
bool inspect_file(const char *path, int64_t now_s, struct fault *why);

#endif
