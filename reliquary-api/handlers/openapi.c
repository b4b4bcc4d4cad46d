/* SPDX-License-Identifier: ISC */
/* The description of all this for programs, as it stands in docs/. */
#include "base/embed.h"
#include "reliquary-api/handlers/handlers.h"

EMBED(openapi_document, "docs/openapi.json");

struct reply
handle_openapi(const struct call *c)
{
	size_t len = (size_t)(openapi_document_end - openapi_document) - 1; /* without the NUL */

	(void)c;
	return reply_fixed("application/json", openapi_document, len);
}
