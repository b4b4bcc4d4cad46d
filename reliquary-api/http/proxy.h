/* SPDX-License-Identifier: ISC */
/* Who asks, when a proxy of ours asks for him: X-Forwarded-For, as far as it can be believed. */
#ifndef RELIQUARY_API_HTTP_PROXY_H
#define RELIQUARY_API_HTTP_PROXY_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>

struct proxies {
	const struct endpoint *list; /* ports do not count */
	size_t count;
};

bool proxy_trusted(const struct proxies *p, const struct endpoint *who);

/*
 * Every proxy adds at the right end whom it was asked by.  So the right-most address that is not a
 * proxy of ours is the one that a proxy of ours saw with its own eyes; what stands left of it
 * anybody may have written.
 */
struct forwarded {
	bool found; /* there is such an entry … */
	bool wrong; /* … and it is no address */
	struct endpoint from;
};

/* Reads one field's value; those of a request in their order.  Begins with all zero. */
void forwarded_read(struct forwarded *f, const struct proxies *p, const char *value);

/* What the fields said, the peer without them and when they said nonsense. */
struct endpoint forwarded_from(
    const struct forwarded *f, const struct proxies *p, const struct endpoint *peer);

#endif
