/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/want.h"

#include "base/hex.h"

#include <string.h>

static bool
lower_hex(const char *text, size_t digits)
{
	return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

bool
want_text(const json_t *object, const char *name, char *into, size_t size, struct fault *why)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (text == NULL)
		return fault_set(why, "%s: is no text", name);
	if (strlen(text) >= size)
		return fault_set(why, "%s: is longer than %zu bytes", name, size - 1);
	for (const char *at = text; *at != '\0'; at++) {
		if (*at < ' ' || *at > '~')
			return fault_set(why, "%s: is not printable", name);
	}
	memcpy(into, text, strlen(text) + 1);
	return true;
}

bool
want_number(const json_t *object, const char *name, uint64_t *into, uint64_t min, uint64_t max,
    struct fault *why)
{
	const json_t *value = json_object_get(object, name);
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || (uint64_t)number < min ||
	    (uint64_t)number > max)
		return fault_set(
		    why, "%s: no number from %ju to %ju", name, (uintmax_t)min, (uintmax_t)max);
	*into = (uint64_t)number;
	return true;
}

bool
want_flag(const json_t *object, const char *name, bool *into, struct fault *why)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_boolean(value))
		return fault_set(why, "%s: neither true nor false", name);
	*into = json_is_true(value);
	return true;
}

bool
want_hex(const json_t *object, const char *name, uint8_t *into, size_t size, struct fault *why)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (text == NULL || !lower_hex(text, 2 * size) || !hex_decode(into, size, text))
		return fault_set(why, "%s: not %zu hex digits", name, 2 * size);
	return true;
}

bool
want_flock_value(const json_t *value, struct flock_id *into, struct fault *why)
{
	const char *text = json_string_value(value);

	if (text == NULL || !lower_hex(text, 16) || !hex_u64(&into->value, text, UINT64_MAX) ||
	    into->value == 0 || flock_domain(*into) != 0)
		return fault_set(why, "no flock");
	return true;
}

bool
want_flock(const json_t *object, const char *name, struct flock_id *into, struct fault *why)
{
	return want_flock_value(json_object_get(object, name), into, why) ||
	       fault_prefix(why, "%s", name);
}

bool
want_device(const json_t *object, const char *name, struct device_id *into, struct fault *why)
{
	const char *text = json_string_value(json_object_get(object, name));
	uint64_t value;

	if (text == NULL || !lower_hex(text, 8) || !hex_u64(&value, text, UINT32_MAX))
		return fault_set(why, "%s: not 8 hex digits", name);
	into->value = (uint32_t)value;
	return true;
}

bool
want_list(
    const json_t *object, const char *name, size_t most, const json_t **into, struct fault *why)
{
	const json_t *list = json_object_get(object, name);

	if (!json_is_array(list))
		return fault_set(why, "%s: is no list", name);
	if (json_array_size(list) > most)
		return fault_set(why, "%s: more than %zu", name, most);
	*into = list;
	return true;
}
