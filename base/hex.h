/* SPDX-License-Identifier: ISC */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exactly 2 * len hex digits, either case, nothing else; out is untouched on failure. */
bool hex_decode(void *out, size_t len, const char *text);

/* Lower case with a final NUL: out holds 2 * len + 1 bytes.  Returns out. */
char *hex_encode(char *out, const void *data, size_t len);

/* 1 to 16 hex digits with or without "0x", at most max. */
bool hex_u64(uint64_t *ret, const char *text, uint64_t max);

/* 1 to 20 decimal digits, at most max. */
bool decimal_u64(uint64_t *ret, const char *text, uint64_t max);

#endif
