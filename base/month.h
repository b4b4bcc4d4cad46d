/* SPDX-License-Identifier: ISC */
/* Calendar months, in UTC, as numbers: 0 is January 1970. */
#ifndef BASE_MONTH_H
#define BASE_MONTH_H

#include <stdint.h>

#define MONTH_TEXT 8
#define MONTH_LAST UINT32_C(96359) /* December 9999 */

/* The month of a moment of Unix time; one before 1970 or behind the last month counts as those. */
uint32_t month_of(int64_t wall_s);

/* When a month begins, which is when the one before it ends. */
int64_t month_begin(uint32_t month);

/* "2026-11".  Returns text. */
const char *month_format(uint32_t month, char text[static MONTH_TEXT]);

#endif
