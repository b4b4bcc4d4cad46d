/* SPDX-License-Identifier: ISC */
#include "tests/support/handled_answer.h"

#include "tests/support/schema.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

json_t *
operation_of(json_t *document, const char *path, enum method method)
{
	char name[16];
	json_t *operation;
	size_t i;

	snprintf(name, sizeof(name), "%s", method_name(method));
	for (i = 0; name[i] != '\0'; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
	operation =
	    json_object_get(json_object_get(json_object_get(document, "paths"), path), name);
	if (operation == NULL)
		fail_msg("docs/openapi.json says nothing of %s %s", name, path);
	return operation;
}

/* Members whose values are shown once, or to cathedrals only. */
static bool
names_secret(json_t *object)
{
	static const char *const names[] = { "account", "cathedral_secret", "enrolment_key" };
	bool log = json_object_get(object, "action") != NULL; /* names the token that did it */

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (json_object_get(object, names[i]) != NULL)
			return true;
	}
	return !log && json_object_get(object, "token") != NULL;
}

static bool
shows_secret(json_t *json)
{
	const char *name;
	json_t *part;
	size_t i;

	if (names_secret(json))
		return true;
	json_array_foreach(json, i, part)
	{
		if (shows_secret(part))
			return true;
	}
	json_object_foreach(json, name, part)
	{
		if (shows_secret(part))
			return true;
	}
	return false;
}

static void
check_body(json_t *document, json_t *response, const struct route *route, const struct reply *reply)
{
	char type[64];
	json_t *content = json_object_get(response, "content"), *media;
	struct fault why;

	if (reply->status == 204) {
		assert_true(content == NULL && reply->json == NULL && reply->text == NULL);
		return;
	}
	snprintf(type, sizeof(type), "%s", reply_content_type(reply));
	type[strcspn(type, ";")] = '\0';
	media = json_object_get(content, type);
	if (media == NULL)
		fail_msg(
		    "%s: %u as %s is not in docs/openapi.json", route->path, reply->status, type);
	if (reply->json != NULL &&
	    !schema_allows(document, json_object_get(media, "schema"), reply->json, &why))
		fail_msg("%s: %u: %s", route->path, reply->status, why.text);
}

void
handled_check(json_t *document, const struct route *route, const struct request *rq,
    const struct reply *reply)
{
	json_t *operation = operation_of(document, route->path, route->method), *response;
	char status[16];

	assert_int_equal(rq->method, route->method);
	snprintf(status, sizeof(status), "%u", reply->status);
	response = json_object_get(json_object_get(operation, "responses"), status);
	if (response == NULL)
		fail_msg("%s: docs/openapi.json does not know %s", route->path, status);
	check_body(document, schema_follow(document, response), route, reply);
	assert_int_equal(reply->secret, reply->json != NULL && shows_secret(reply->json));
}
