/* SPDX-License-Identifier: ISC */
#include "base/embed.h"
#include "reliquary-api/store/parts.h"

EMBED(schema_reliquary_0001, "schema/reliquary/0001-accounts.sql");
EMBED(schema_reliquary_0002, "schema/reliquary/0002-behind.sql");

/* In order and without gaps; a file that was released is never changed, another one is added. */
static const struct migration migrations[] = {
	{ 1, "0001-accounts", schema_reliquary_0001 },
	{ 2, "0002-behind", schema_reliquary_0002 },
	{ 0, NULL, NULL },
};

const struct schema store_schema = { STORE_APPLICATION, migrations };
