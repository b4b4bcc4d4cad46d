/* SPDX-License-Identifier: ISC */
/* How values of options are read; the fault says what is wrong with the text. */
#ifndef TOOLS_COMMON_VALUES_H
#define TOOLS_COMMON_VALUES_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

/* to points at the field, which is untouched on failure; max bounds numbers. */
typedef bool value_read(void *to, const char *text, uint64_t max, struct fault *why);

value_read value_decimal;  /* uint64_t */
value_read value_hex;      /* uint64_t */
value_read value_seconds;  /* uint64_t of nanoseconds; more than 0, with decimals */
value_read value_number;   /* double, not negative */
value_read value_text;     /* const char * */
value_read value_yes_no;   /* bool */
value_read value_endpoint; /* struct endpoint, with a port */

#endif
