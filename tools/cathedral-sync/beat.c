/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/beat.h"

#include "base/endpoint.h"
#include "tools/cathedral-sync/memory.h"
#include "tools/cathedral-sync/want.h"

#include <string.h>

#define VERSION_TEXT  33
#define FULL          1000
#define STATUS_MEMORY ((size_t)16 << 20)

static bool
read_load(uint64_t *ret, const json_t *status, struct fault *why)
{
	const json_t *tunnels = json_object_get(status, "tunnels");
	uint64_t count, capacity;

	if (!want_number(tunnels, "count", &count, 0, UINT64_MAX / FULL, why) ||
	    !want_number(tunnels, "capacity", &capacity, 1, UINT64_MAX / FULL, why))
		return fault_prefix(why, "tunnels");
	*ret = count < capacity ? count * FULL / capacity : FULL;
	return true;
}

static bool
read_address(char ret[static ENDPOINT_TEXT], const json_t *status, struct fault *why)
{
	const json_t *first = json_array_get(json_object_get(status, "listeners"), 0);
	struct endpoint e;

	if (!want_text(first, "advertised", ret, ENDPOINT_TEXT, why))
		return fault_prefix(why, "listeners[0]");
	return endpoint_parse(&e, ret) ||
	       fault_set(why, "listeners[0]: advertised: is no address and port");
}

/* A cathedral that reads no registry.db says version 0: it has nothing. */
static bool
add_change(json_t *body, const json_t *status, struct taken *taken)
{
	struct fault ignored;
	uint64_t version;

	if (!want_number(
		json_object_get(status, "registry"), "version", &version, 0, INT64_MAX, &ignored))
		return true;
	return json_object_set_new(body, "database", json_string(taken->database)) == 0 &&
	       json_object_set_new(
		   body, "change", json_integer((json_int_t)taken_until(taken, version))) == 0;
}

/* Said only while it is so: a service that does not know the member refuses it. */
static bool
add_draining(json_t *body, const json_t *status)
{
	return !json_is_true(json_object_get(status, "draining")) ||
	       json_object_set_new(body, "draining", json_true()) == 0;
}

static bool
write_body(char *out, const json_t *status, struct taken *taken, struct fault *why)
{
	char version[VERSION_TEXT], address[ENDPOINT_TEXT];
	uint64_t load = 0;
	size_t len = 0;
	json_t *body;

	if (!want_text(status, "version", version, sizeof(version), why) ||
	    !read_address(address, status, why) || !read_load(&load, status, why))
		return false;
	body = json_pack(
	    "{s:s, s:s, s:I}", "version", version, "address", address, "load", (json_int_t)load);
	if (add_change(body, status, taken) && add_draining(body, status))
		len = json_dumpb(body, out, BEAT_BODY_MAX - 1, JSON_COMPACT);
	json_decref(body);
	if (len == 0 || len > BEAT_BODY_MAX - 1)
		return fault_set(why, "out of memory");
	out[len] = '\0';
	return true;
}

bool
beat_body(char out[static BEAT_BODY_MAX], const char *status, size_t len, struct taken *taken,
    struct fault *why)
{
	json_t *document;
	bool ok;

	memory_json_begin(STATUS_MEMORY);
	document = json_loadb(status, len, JSON_REJECT_DUPLICATES, NULL);
	ok = json_is_object(document) ? write_body(out, document, taken, why)
				      : fault_set(why, "is not JSON, or no object");
	json_decref(document);
	return ok;
}
