/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-probe/option_values.h"

#include "base/hex.h"
#include "tools/cathedral-probe/options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool
value_cathedral(void *to, const char *text, uint64_t max, struct fault *why)
{
	struct device_options *d = to;
	struct endpoint e;

	(void)max;
	if (!endpoint_parse(&e, text) || e.port == 0)
		return fault_set(
		    why, "expected an address with its port, 192.0.2.1:4500 or [2001:db8::1]:4500");
	if (d->cathedral_count == DEVICE_CATHEDRALS)
		return fault_set(why, "more than %d cathedrals", DEVICE_CATHEDRALS);
	d->cathedrals[d->cathedral_count++] = e;
	return true;
}

bool
value_bind(void *to, const char *text, uint64_t max, struct fault *why)
{
	struct device_options *d = to;

	(void)max;
	if (!endpoint_parse(&d->bind, text) && !endpoint_parse_ip(&d->bind, text))
		return fault_set(
		    why, "expected an address, or one with a port: 192.0.2.1, [2001:db8::1]:4500");
	d->has_bind = true;
	return true;
}

bool
value_signal(void *to, const char *text, uint64_t max, struct fault *why)
{
	struct options *o = to;
	char word[8];

	(void)max;
	o->signalling = true;
	while (*text != '\0') {
		size_t len = strcspn(text, ",");
		uint64_t number;

		snprintf(word, sizeof(word), "%.*s", (int)(len < sizeof(word) ? len : 7), text);
		if (!hex_u64(&number, word, UINT8_MAX) || number < KEK_NUMBER_MIN)
			return fault_set(why, "expected KEK numbers with commas between: 01,fe");
		kek_set_add(&o->signalled, (uint8_t)number);
		text += len + (text[len] == ',');
	}
	return true;
}

bool
value_decimal(void *to, const char *text, uint64_t max, struct fault *why)
{
	return decimal_u64(to, text, max) ||
	       fault_set(why, "expected a number up to %llu", (unsigned long long)max);
}

bool
value_hex(void *to, const char *text, uint64_t max, struct fault *why)
{
	return hex_u64(to, text, max) ||
	       fault_set(why, "expected a hexadecimal number up to %llx", (unsigned long long)max);
}

bool
value_number(void *to, const char *text, uint64_t max, struct fault *why)
{
	char *end;
	double value = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !isfinite(value) || value < 0 || value > (double)max)
		return fault_set(why, "expected a number from 0 to %llu", (unsigned long long)max);
	*(double *)to = value;
	return true;
}

bool
value_seconds(void *to, const char *text, uint64_t max, struct fault *why)
{
	double value;

	if (!value_number(&value, text, max, why) || value < 0.001)
		return fault_set(why, "expected seconds, 0.001 to %llu", (unsigned long long)max);
	*(uint64_t *)to = (uint64_t)(value * (double)NS_PER_S);
	return true;
}

bool
value_text(void *to, const char *text, uint64_t max, struct fault *why)
{
	(void)max;
	(void)why;
	*(const char **)to = text;
	return true;
}

bool
value_yes_no(void *to, const char *text, uint64_t max, struct fault *why)
{
	(void)max;
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return fault_set(why, "expected yes or no");
	*(bool *)to = strcmp(text, "yes") == 0;
	return true;
}

bool
value_expect(void *to, const char *text, uint64_t max, struct fault *why)
{
	unsigned *expect = to;

	(void)max;
	while (*text != '\0') {
		size_t len = strcspn(text, ",");
		unsigned kind = DEVICE_INFO;

		while (kind <= DEVICE_REMEMBRANCE &&
		       (strlen(device_event_name(kind)) != len ||
			   memcmp(device_event_name(kind), text, len) != 0))
			kind++;
		if (kind > DEVICE_REMEMBRANCE)
			return fault_set(why, "expected some of info,ambry,liturgy,remembrance");
		*expect |= 1u << kind;
		text += len + (text[len] == ',');
	}
	return true;
}
