/* SPDX-License-Identifier: ISC */
#include "base/embed.h"
#include "registry/parts.h"

EMBED(schema_registry_0001, "schema/registry/0001-registry.sql");

/* In order and without gaps; a file that was released is never changed, another one is added. */
static const struct migration migrations[] = {
	{ 1, "0001-registry", schema_registry_0001 },
	{ 0, NULL, NULL },
};

const struct schema registry_schema = { REGISTRY_APPLICATION, migrations };
