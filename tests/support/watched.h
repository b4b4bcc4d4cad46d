/* SPDX-License-Identifier: ISC */
/* The route table, with a count of how often a handler was begun: whoever is refused at the door
 * must not have come as far as there. */
#ifndef TESTS_SUPPORT_WATCHED_H
#define TESTS_SUPPORT_WATCHED_H

#include "reliquary-api/handlers/handler.h"

#include <stdint.h>

/* For api_options.routes; the same for the life of the process. */
const struct route *watched_routes(void);

/* Since the process began. */
uint64_t watched_runs(void);

#endif
