/* SPDX-License-Identifier: ISC */
#include "base/conf_values.h"

#include "base/endpoint.h"
#include "base/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct conf_unit {
	char letter;
	uint64_t factor;
};

/* The smallest first. */
static const struct conf_unit times[] = {
	{ 's', 1 },
	{ 'm', 60 },
	{ 'h', 3600 },
	{ 'd', 86400 },
	{ 0 },
};

static const struct conf_unit sizes[] = {
	{ 'K', UINT64_C(1) << 10 },
	{ 'M', UINT64_C(1) << 20 },
	{ 'G', UINT64_C(1) << 30 },
	{ 0 },
};

const char *
conf_format_scaled(char out[static CONF_SCALED], enum conf_type type, uint64_t value)
{
	const struct conf_unit *units = type == CONF_TIME ? times : sizes, *unit = units;

	for (; units->letter != '\0'; units++) {
		if (value >= units->factor && value % units->factor == 0)
			unit = units;
	}
	snprintf(out, CONF_SCALED, "%" PRIu64 "%c", value / unit->factor, unit->letter);
	return out;
}

static bool
set_flag(bool *field, const char *word, struct fault *why)
{
	static const char *const yes[] = { "yes", "on", "true" };
	static const char *const no[] = { "no", "off", "false" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(word, yes[i]) == 0) {
			*field = true;
			return true;
		}
		if (strcmp(word, no[i]) == 0) {
			*field = false;
			return true;
		}
	}
	return fault_set(why, "\"%s\" is neither yes nor no", word);
}

static bool
set_uint(uint64_t *field, const struct conf_option *option, const char *word, struct fault *why)
{
	uint64_t value;

	if (word[0] == '\0' || strspn(word, "0123456789") != strlen(word))
		return fault_set(why, "\"%s\" is not a number", word);
	if (!decimal_u64(&value, word, option->max) || value < option->min)
		return fault_set(why, "%s is not within %" PRIu64 " to %" PRIu64, word, option->min,
		    option->max);
	*field = value;
	return true;
}

/* Digits and a letter for the unit. */
static bool
set_scaled(uint64_t *field, const struct conf_option *option, const struct conf_unit *units,
    const char *word, struct fault *why)
{
	size_t digits = strspn(word, "0123456789"), len = strlen(word);
	char number[CONF_SCALED], least[CONF_SCALED], most[CONF_SCALED];
	uint64_t value;

	while (len == digits + 1 && units->letter != '\0' && units->letter != word[digits])
		units++;
	if (digits == 0 || digits >= sizeof(number) || len != digits + 1 || units->letter == '\0')
		return fault_set(why, "\"%s\" is not a number with its unit, such as %s", word,
		    option->type == CONF_TIME ? "90s, 15m, 24h or 30d" : "512K, 64M or 2G");
	memcpy(number, word, digits);
	number[digits] = '\0';
	if (!decimal_u64(&value, number, option->max / units->factor) ||
	    value * units->factor < option->min)
		return fault_set(why, "%s is not within %s to %s", word,
		    conf_format_scaled(least, option->type, option->min),
		    conf_format_scaled(most, option->type, option->max));
	*field = value * units->factor;
	return true;
}

static bool
set_text(char field[static CONF_TEXT_MAX], const char *folder, const char *word, struct fault *why)
{
	size_t before = strlen(folder), len = strlen(word);

	if (before + len >= CONF_TEXT_MAX)
		return fault_set(why, "longer than %d bytes", CONF_TEXT_MAX - 1);
	memcpy(field, folder, before);
	memcpy(field + before, word, len + 1);
	return true;
}

static bool
set_path(char field[static CONF_TEXT_MAX], const char *folder, const char *word, struct fault *why)
{
	bool relative = word[0] != '\0' && word[0] != '/';

	return set_text(field, relative ? folder : "", word, why);
}

static bool
set_endpoint(struct endpoint *field, const char *word, struct fault *why)
{
	if (!endpoint_parse(field, word))
		return fault_set(why, "\"%s\" is not ADDRESS:PORT or [ADDRESS]:PORT", word);
	return true;
}

bool
conf_set_value(void *field, const struct conf_option *option, const char *folder, const char *word,
    struct fault *why)
{
	switch (option->type) {
	case CONF_FLAG:
		return set_flag(field, word, why);
	case CONF_UINT:
		return set_uint(field, option, word, why);
	case CONF_TIME:
		return set_scaled(field, option, times, word, why);
	case CONF_SIZE:
		return set_scaled(field, option, sizes, word, why);
	case CONF_TEXT:
		return set_text(field, "", word, why);
	case CONF_PATH:
		return set_path(field, folder, word, why);
	case CONF_ENDPOINT:
		return set_endpoint(field, word, why);
	case CONF_PARSE:
		break;
	}
	return fault_set(why, "has no type");
}

bool
conf_copy_text(char to[static CONF_TEXT_MAX], const char *word, struct fault *why)
{
	size_t len = strlen(word);

	if (len >= CONF_TEXT_MAX)
		return fault_set(why, "longer than %d bytes", CONF_TEXT_MAX - 1);
	memcpy(to, word, len + 1);
	return true;
}

bool
conf_read_log_level(enum log_level *ret, char *const *words, size_t count, struct fault *why)
{
	if (count != 1 || !log_level_parse(ret, words[0]))
		return fault_set(why, "is one of error, warning, info and debug");
	return true;
}
