/* SPDX-License-Identifier: ISC */
/* The whole interface as one table (docs/api.md). */
#ifndef RELIQUARY_API_ROUTES_H
#define RELIQUARY_API_ROUTES_H

#include "reliquary-api/handlers/handler.h"

/* Ended by a row without path; aliases are rows of the same handlers. */
extern const struct route routes[];

#endif
