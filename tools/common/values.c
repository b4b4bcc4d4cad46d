/* SPDX-License-Identifier: ISC */
#include "tools/common/values.h"

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/hex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
value_endpoint(void *to, const char *text, uint64_t max, struct fault *why)
{
	struct endpoint e;

	(void)max;
	if (!endpoint_parse(&e, text) || e.port == 0)
		return fault_set(
		    why, "expected an address with its port, 192.0.2.1:4500 or [2001:db8::1]:4500");
	*(struct endpoint *)to = e;
	return true;
}
