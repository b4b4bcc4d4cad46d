/* SPDX-License-Identifier: ISC */
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool
fault_set(struct fault *why, const char *format, ...)
{
	char text[sizeof(why->text)] = ""; /* the arguments may point into why->text */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	memcpy(why->text, text, sizeof(text));
	return false;
}

bool
fault_prefix(struct fault *why, const char *format, ...)
{
	char text[sizeof(why->text)] = "";
	va_list args;
	size_t used;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	used = strlen(text);
	snprintf(text + used, sizeof(text) - used, ": %.*s", (int)(sizeof(text) - used), why->text);
	memcpy(why->text, text, sizeof(text));
	return false;
}
