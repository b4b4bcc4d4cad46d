/* SPDX-License-Identifier: ISC */
#ifndef RELIQUARY_API_COMMANDS_CATHEDRAL_JSON_H
#define RELIQUARY_API_COMMANDS_CATHEDRAL_JSON_H

#include "reliquary-api/store/cathedrals.h"

#include <jansson.h>

/* All of a cathedral but its token, for operators; NULL without memory. */
json_t *cathedral_json(const struct cathedral_row *c, int64_t now);

#endif
