/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/forget.h"

#include "protocol/crypto/secret.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Jansson gives its own memory out as const; it is about to free it. */
static void
wipe_string(json_t *json)
{
	const char *text = json_string_value(json);

	secret_wipe((void *)(uintptr_t)text, json_string_length(json));
}

/* What somebody else holds, too, stays as it is. */
static void
wipe(json_t *json)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json->refcount != 1)
		return;
	if (json_is_string(json))
		wipe_string(json);
	json_array_foreach(json, i, member)
	{
		wipe(member);
	}
	json_object_foreach(json, key, member)
	{
		wipe(member);
	}
}

void
forget_json(json_t *json)
{
	if (json == NULL)
		return;
	wipe(json);
	json_decref(json);
}

void
forget_text(char *text)
{
	if (text == NULL)
		return;
	secret_wipe(text, strlen(text));
	free(text);
}
