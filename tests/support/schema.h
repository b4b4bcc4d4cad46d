/* SPDX-License-Identifier: ISC */
/* JSON values against the schemas of an OpenAPI document: as much of JSON Schema as ours uses. */
#ifndef TESTS_SUPPORT_SCHEMA_H
#define TESTS_SUPPORT_SCHEMA_H

#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>

/* What "$ref" in part names, or part itself; a reference to nothing fails the test.  Borrowed. */
json_t *schema_follow(json_t *document, json_t *part);

/* False with what is wrong, and where.  A word of a schema that is not known fails the test. */
bool schema_allows(json_t *document, json_t *schema, json_t *value, struct fault *why);

#endif
