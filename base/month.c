/* SPDX-License-Identifier: ISC */
#include "base/month.h"

#include <stdbool.h>
#include <stdio.h>

#define DAY_S     INT64_C(86400)
#define FIRST     1970
#define MONTH_MAX 31 /* days */

static bool
is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Of all years before it. */
static int64_t
leap_days(int64_t year)
{
	int64_t last = year - 1;

	return last / 4 - last / 100 + last / 400;
}

int64_t
month_begin(uint32_t month)
{
	static const int64_t before[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int64_t year = FIRST + month / 12;
	int64_t days = 365 * (year - FIRST) + leap_days(year) - leap_days(FIRST);

	days += before[month % 12];
	if (month % 12 >= 2 && is_leap(year))
		days++;
	return days * DAY_S;
}

uint32_t
month_of(int64_t wall_s)
{
	uint32_t month;

	if (wall_s < 0)
		return 0;
	if (wall_s >= month_begin(MONTH_LAST))
		return MONTH_LAST;
	/* If all months were that long it would be this one: never later than it is. */
	month = (uint32_t)(wall_s / (MONTH_MAX * DAY_S));
	while (month_begin(month + 1) <= wall_s)
		month++;
	return month;
}

const char *
month_format(uint32_t month, char text[static MONTH_TEXT])
{
	if (month > MONTH_LAST)
		month = MONTH_LAST;
	snprintf(text, MONTH_TEXT, "%04u-%02u", (unsigned)(FIRST + month / 12) % 10000,
	    (unsigned)(month % 12 + 1));
	return text;
}
