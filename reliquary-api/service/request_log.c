/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/request_log.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>

void
request_log(const struct exchange *x, const char *route, uint64_t ns, uint64_t waited_ns)
{
	char waited[40] = "";

	if (waited_ns > 0)
		snprintf(waited, sizeof(waited), " waited_ms=%" PRIu64, waited_ns / NS_PER_MS);
	log_info("request method=%s route=%s status=%u ms=%" PRIu64 ".%03" PRIu64 " in=%" PRIu64
		 " out=%" PRIu64 "%s",
	    method_name(x->rq.method), route != NULL ? route : "-", x->reply.status, ns / NS_PER_MS,
	    ns / 1000 % 1000, x->bytes_in, x->bytes_out, waited);
}
