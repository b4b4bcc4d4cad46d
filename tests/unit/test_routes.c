/* SPDX-License-Identifier: ISC */
#include "reliquary-api/routes.h"

#include "protocol/wire/bundle.h"
#include "reliquary-api/handlers/handlers.h"
#include "tests/support/handled_answer.h"
#include "tests/support/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *document;

static int
document_load(void **state)
{
	json_error_t error;

	(void)state;
	document = json_load_file("docs/openapi.json", JSON_REJECT_DUPLICATES, &error);
	if (document == NULL)
		fail_msg("docs/openapi.json:%d: %s", error.line, error.text);
	return 0;
}

static int
document_free(void **state)
{
	(void)state;
	json_decref(document);
	return 0;
}

static const struct route *
row(enum method method, const char *path)
{
	for (const struct route *r = routes; r->path != NULL; r++) {
		if (r->method == method && strcmp(r->path, path) == 0)
			return r;
	}
	fail_msg("%s %s has no row", method_name(method), path);
	return NULL;
}

static void
no_row_is_there_twice(void **state)
{
	(void)state;
	for (const struct route *a = routes; a->path != NULL; a++) {
		for (const struct route *b = a + 1; b->path != NULL; b++)
			assert_false(a->method == b->method && strcmp(a->path, b->path) == 0);
	}
}

static void
older_names_are_the_same_in_all_but_the_method(void **state)
{
	static const struct {
		enum method method;
		const char *path;
		enum method older;
		const char *name;
	} aliases[] = {
		{ METHOD_POST, "/v1/login", METHOD_POST, "/v1/init" },
		{ METHOD_GET, "/v1/flocks", METHOD_GET, "/v1/flock/list" },
		{ METHOD_POST, "/v1/flocks", METHOD_POST, "/v1/flock/create" },
		{ METHOD_DELETE, "/v1/flocks/{flock}", METHOD_POST, "/v1/flock/{flock}/delete" },
		{ METHOD_POST, "/v1/flocks/{flock}/devices", METHOD_POST,
		    "/v1/device/{flock}/create" },
		{ METHOD_GET, "/v1/flocks/{flock}/devices", METHOD_GET, "/v1/device/list/{flock}" },
		{ METHOD_POST, "/v1/flocks/{flock}/devices/{id}/approve", METHOD_POST,
		    "/v1/device/{flock}/{id}/approve" },
		{ METHOD_DELETE, "/v1/flocks/{flock}/devices/{id}", METHOD_POST,
		    "/v1/device/{flock}/{id}/delete" },
		{ METHOD_PUT, "/v1/flocks/{flock}/ambry", METHOD_POST, "/v1/ambry/{flock}" },
		{ METHOD_GET, "/v1/xflocks", METHOD_GET, "/v1/xflock/list" },
		{ METHOD_PUT, "/v1/flocks/{a}/xflocks/{b}", METHOD_POST,
		    "/v1/xflock/{a}/{b}/create" },
		{ METHOD_DELETE, "/v1/flocks/{a}/xflocks/{b}", METHOD_POST,
		    "/v1/xflock/{a}/{b}/delete" },
		{ METHOD_PUT, "/v1/flocks/{a}/xflocks/{b}/ambry", METHOD_POST,
		    "/v1/xflock/{a}/{b}/ambry" },
	};
	size_t shared = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		struct route a = *row(aliases[i].method, aliases[i].path);
		struct route b = *row(aliases[i].older, aliases[i].name);

		assert_ptr_equal(a.handle, b.handle);
		assert_ptr_equal(a.upload, b.upload);
		assert_int_equal(a.access, b.access);
		assert_int_equal(a.scope, b.scope);
		assert_int_equal(a.effect, b.effect);
		assert_int_equal(a.body, b.body);
		assert_int_equal(a.rate, b.rate);
	}
	/* And no others share a handler. */
	for (const struct route *a = routes; a->path != NULL; a++) {
		for (const struct route *b = a + 1; b->path != NULL; b++)
			shared += a->handle == b->handle;
	}
	assert_int_equal(shared, sizeof(aliases) / sizeof(aliases[0]));
}

static void
every_row_says_who_may_and_what_comes(void **state)
{
	(void)state;
	for (const struct route *r = routes; r->path != NULL; r++) {
		bool tenants = r->access == ACCESS_ACCOUNT || r->access == ACCESS_ENDED;

		assert_non_null(r->handle);
		assert_true(strncmp(r->path, "/v1/", 4) == 0);
		/* Tenants need a scope, and no token but a full one changes more than approvals. */
		assert_int_equal(tenants, r->scope != 0);
		if (tenants && r->effect == EFFECT_WRITES)
			assert_int_equal(r->scope,
			    r->handle == handle_device_approve ? SCOPE_APPROVE : SCOPE_FULL);
		if (tenants && r->effect == EFFECT_READS)
			assert_int_equal(r->scope, SCOPE_READ);
		/* An expired account can do two things. */
		if (r->access == ACCESS_ENDED)
			assert_true(r->handle == handle_account_extend ||
				    r->handle == handle_account_delete);
		/* What is not GET writes, without exception; GET never does, and takes no body. */
		assert_int_equal(r->effect == EFFECT_WRITES, r->method != METHOD_GET);
		/* Who waits holds a connection for long: no stranger may, nor any tenant. */
		if (r->effect == EFFECT_WAITS)
			assert_int_equal(r->access, ACCESS_CATHEDRAL);
		if (r->method == METHOD_GET || r->method == METHOD_DELETE)
			assert_int_equal(r->body, BODY_NONE);
		/* A stranger who writes has a limit of his own. */
		assert_int_equal(
		    r->rate != 0, r->access == ACCESS_ANYONE && r->effect == EFFECT_WRITES);
	}
}

static void
every_upload_has_its_rule(void **state)
{
	static const struct {
		const char *part;
		const struct upload_rule *rule;
		uint64_t size;
	} kinds[] = { { "/xflock", &ambry_of_xflock, BUNDLE_TWO_FLOCKS_SIZE },
		{ "/ambry", &ambry_of_flock, BUNDLE_ONE_FLOCK_SIZE } };

	(void)state;
	for (const struct route *r = routes; r->path != NULL; r++) {
		size_t kind = strstr(r->path, kinds[0].part) != NULL ? 0 : 1;

		assert_int_equal(r->upload != NULL, r->body == BODY_UPLOAD);
		assert_int_equal(r->upload != NULL, strstr(r->path, "ambry") != NULL);
		if (r->upload == NULL)
			continue;
		assert_ptr_equal(r->upload, kinds[kind].rule);
		assert_int_equal(r->upload->size, kinds[kind].size);
		assert_non_null(r->upload->admit);
	}
}

/* ---- docs/openapi.json ---- */

static void
every_row_is_described_and_nothing_else(void **state)
{
	json_t *paths = json_object_get(document, "paths"), *methods, *operation;
	size_t described = 0, rows = 0;
	const char *path, *name;

	(void)state;
	for (const struct route *r = routes; r->path != NULL; r++, rows++)
		operation_of(document, r->path, r->method);
	json_object_foreach(paths, path, methods)
	{
		json_object_foreach(methods, name, operation)
		{
			assert_non_null(json_object_get(operation, "operationId"));
			described++;
		}
	}
	assert_int_equal(described, rows);
}

static void
operations_have_names_of_their_own(void **state)
{
	json_t *seen = json_object();

	(void)state;
	for (const struct route *r = routes; r->path != NULL; r++) {
		json_t *operation = operation_of(document, r->path, r->method);
		const char *id = json_string_value(json_object_get(operation, "operationId"));

		assert_non_null(id);
		assert_null(json_object_get(seen, id));
		assert_int_equal(json_object_set_new(seen, id, json_true()), 0);
	}
	json_decref(seen);
}

static bool
tells(json_t *operation, unsigned status)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", status);
	return json_object_get(json_object_get(operation, "responses"), name) != NULL;
}

static void
what_the_service_may_answer_is_described(void **state)
{
	(void)state;
	for (const struct route *r = routes; r->path != NULL; r++) {
		json_t *operation = operation_of(document, r->path, r->method);
		bool stranger = r->access == ACCESS_ANYONE;
		bool tenant = r->access == ACCESS_ACCOUNT || r->access == ACCESS_ENDED;
		bool told = tells(operation, 400) && tells(operation, 413) &&
			    tells(operation, 429) && tells(operation, 500) && tells(operation, 503);

		if (!told || (!stranger && !tells(operation, 401)) ||
		    (tenant && !tells(operation, 403)) ||
		    (strchr(r->path, '{') != NULL && !tells(operation, 404)) ||
		    (r->method == METHOD_POST && !tells(operation, 409)) ||
		    tells(operation, 415) != (r->body == BODY_JSON) ||
		    tells(operation, 411) != (r->body == BODY_UPLOAD))
			fail_msg("%s %s: an answer is missing in docs/openapi.json",
			    method_name(r->method), r->path);
	}
}

static void
who_may_is_described(void **state)
{
	(void)state;
	for (const struct route *r = routes; r->path != NULL; r++) {
		json_t *operation = operation_of(document, r->path, r->method);
		json_t *security = json_object_get(operation, "security");
		json_t *first = json_array_get(security, 0);

		assert_int_equal(
		    r->access == ACCESS_ANYONE, security != NULL && json_array_size(security) == 0);
		assert_int_equal(
		    r->access == ACCESS_CATHEDRAL, json_object_get(first, "cathedral") != NULL);
	}
}

/* Names in braces are parameters, in the order that handlers count them. */
static void
parameters_are_those_of_the_path(void **state)
{
	(void)state;
	for (const struct route *r = routes; r->path != NULL; r++) {
		json_t *operation = operation_of(document, r->path, r->method), *listed;
		const char *at = r->path;
		size_t i, taken = 0;

		json_array_foreach(json_object_get(operation, "parameters"), i, listed)
		{
			json_t *p = schema_follow(document, listed);
			char braced[64];

			if (strcmp(json_string_value(json_object_get(p, "in")), "path") != 0)
				continue;
			snprintf(braced, sizeof(braced), "{%s}",
			    json_string_value(json_object_get(p, "name")));
			at = strstr(at, braced);
			assert_non_null(at);
			at++;
			taken++;
		}
		assert_null(strchr(at + (taken > 0), '{'));
		assert_true(taken <= REQUEST_PARAMS_MAX);
	}
}

static void
bodies_are_described_where_there_are_some(void **state)
{
	(void)state;
	for (const struct route *r = routes; r->path != NULL; r++) {
		json_t *operation = operation_of(document, r->path, r->method);

		assert_int_equal(
		    json_object_get(operation, "requestBody") != NULL, r->body != BODY_NONE);
	}
}

/* Every example, of requests and answers, is one of what it is an example for. */
static void
examples_fit(json_t *content, const char *where, size_t *count)
{
	json_t *media, *example, *schema;
	const char *type, *name;
	struct fault why;

	json_object_foreach(content, type, media)
	{
		schema = json_object_get(media, "schema");
		example = json_object_get(media, "example");
		assert_non_null(schema);
		if (example != NULL && !schema_allows(document, schema, example, &why))
			fail_msg("%s: %s: %s", where, type, why.text);
		*count += example != NULL;
		json_object_foreach(json_object_get(media, "examples"), name, example)
		{
			json_t *value = json_object_get(example, "value");

			assert_non_null(value);
			if (!schema_allows(document, schema, value, &why))
				fail_msg("%s: %s: %s: %s", where, type, name, why.text);
			++*count;
		}
	}
}

static void
examples_fit_their_schemas(void **state)
{
	json_t *components = json_object_get(document, "components"), *part;
	size_t answers = 0, requests = 0;
	const char *name;

	(void)state;
	json_object_foreach(json_object_get(components, "responses"), name, part)
	    examples_fit(json_object_get(part, "content"), name, &answers);
	json_object_foreach(json_object_get(components, "requestBodies"), name, part)
	    examples_fit(json_object_get(part, "content"), name, &requests);
	assert_true(answers >= 40);
	assert_true(requests >= 16);
}

/* The checker would say so if they did not. */
static void
a_wrong_example_would_be_seen(void **state)
{
	static const struct {
		const char *schema, *value, *says;
	} cases[] = {
		{ "Generation", "\"0x649AF776\"", "\"0x649AF776\" does not match ^0x[0-9a-f]{8}$" },
		{ "Generation", "7", "is no string" },
		{ "FlockMade", "{}", "lacks id" },
		{ "FlockMade", "{\"id\": \"6442a01510d91a00\", \"x\": 1}",
		    "x is not in the schema" },
		{ "Flocks", "{\"flocks\": [{}], \"next\": null}", "flocks: item 0: lacks id" },
		{ "Scope", "\"root\"", "is none of the values" },
		{ "ApproveWish", "{\"kek\": 256}", "kek: is out of bounds" },
		{ "NatPort", "\"4501\"", "is of none of the types" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char ref[64];
		json_t *schema, *value = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);
		struct fault why;

		snprintf(ref, sizeof(ref), "#/components/schemas/%s", cases[i].schema);
		schema = json_pack("{s:s}", "$ref", ref);
		assert_false(schema_allows(document, schema, value, &why));
		assert_string_equal(why.text, cases[i].says);
		json_decref(schema);
		json_decref(value);
	}
}

/* ---- docs/api.md ---- */

static void
every_row_is_in_the_document_for_people(void **state)
{
	FILE *file = fopen("docs/api.md", "r");
	char *text = calloc(1, 1 << 17);

	(void)state;
	assert_true(file != NULL && text != NULL);
	assert_true(fread(text, 1, (1 << 17) - 1, file) > 0);
	fclose(file);
	for (const struct route *r = routes; r->path != NULL; r++) {
		char named[128];

		snprintf(named, sizeof(named), "`%s %s`", method_name(r->method), r->path);
		if (strstr(text, named) == NULL)
			fail_msg("docs/api.md says nothing of %s", named);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_row_is_there_twice),
		cmocka_unit_test(older_names_are_the_same_in_all_but_the_method),
		cmocka_unit_test(every_row_says_who_may_and_what_comes),
		cmocka_unit_test(every_upload_has_its_rule),
		cmocka_unit_test(every_row_is_described_and_nothing_else),
		cmocka_unit_test(operations_have_names_of_their_own),
		cmocka_unit_test(what_the_service_may_answer_is_described),
		cmocka_unit_test(who_may_is_described),
		cmocka_unit_test(parameters_are_those_of_the_path),
		cmocka_unit_test(bodies_are_described_where_there_are_some),
		cmocka_unit_test(examples_fit_their_schemas),
		cmocka_unit_test(a_wrong_example_would_be_seen),
		cmocka_unit_test(every_row_is_in_the_document_for_people),
	};

	return cmocka_run_group_tests(tests, document_load, document_free);
}
