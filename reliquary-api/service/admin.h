/* SPDX-License-Identifier: ISC */
/* The loopback listener: /healthz, /readyz, /metrics; nothing else, and nothing that changes. */
#ifndef RELIQUARY_API_SERVICE_ADMIN_H
#define RELIQUARY_API_SERVICE_ADMIN_H

#include "base/endpoint.h"
#include "reliquary-api/service/api.h"

struct admin;

/* NULL with the reason; refused when at is not a loopback address. */
struct admin *admin_create(const struct endpoint *at, struct api *api,
    const struct server *public_server, struct instant (*clock)(void), struct fault *why);
struct endpoint admin_where(const struct admin *a);
void admin_destroy(struct admin *a);

#endif
