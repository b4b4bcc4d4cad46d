/* SPDX-License-Identifier: ISC */
/* One line for every request: what was asked and how it went, never by whom or about what. */
#ifndef RELIQUARY_API_SERVICE_REQUEST_LOG_H
#define RELIQUARY_API_SERVICE_REQUEST_LOG_H

#include "reliquary-api/http/server.h"

/*
 * route: the pattern, NULL for none.  The status is 0 when the client went away before.  waited_ns:
 * for a change, which is not part of ns; 0 is not said.
 */
void request_log(const struct exchange *x, const char *route, uint64_t ns, uint64_t waited_ns);

#endif
