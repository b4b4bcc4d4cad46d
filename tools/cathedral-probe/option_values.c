/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-probe/option_values.h"

#include "base/hex.h"
#include "tools/cathedral-probe/options.h"

#include <string.h>

bool
value_cathedral(void *to, const char *text, uint64_t max, struct fault *why)
{
	struct device_options *d = to;
	struct endpoint e;

	if (!value_endpoint(&e, text, max, why))
		return false;
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
