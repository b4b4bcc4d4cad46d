/* SPDX-License-Identifier: ISC */
#include "base/hex.h"

#include <string.h>

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
hex_decode(void *out, size_t len, const char *text)
{
	uint8_t *to = out;

	if (strlen(text) / 2 != len || strlen(text) % 2 != 0)
		return false;
	for (const char *c = text; *c != '\0'; c++) {
		if (digit_value(*c) < 0)
			return false;
	}
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
	return true;
}

char *
hex_encode(char *out, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[from[i] >> 4];
		out[2 * i + 1] = digits[from[i] & 0x0f];
	}
	out[2 * len] = '\0';
	return out;
}

bool
hex_u64(uint64_t *ret, const char *text, uint64_t max)
{
	uint64_t value = 0;
	size_t digits;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	digits = strlen(text);
	if (digits < 1 || digits > 16)
		return false;
	for (; *text != '\0'; text++) {
		int digit = digit_value(*text);

		if (digit < 0)
			return false;
		value = value << 4 | (uint64_t)digit;
	}
	if (value > max)
		return false;
	*ret = value;
	return true;
}

bool
decimal_u64(uint64_t *ret, const char *text, uint64_t max)
{
	uint64_t value = 0;
	size_t digits = strlen(text);

	if (digits < 1 || digits > 20)
		return false;
	for (; *text != '\0'; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (*text < '0' || *text > '9')
			return false;
		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (value > max)
		return false;
	*ret = value;
	return true;
}
