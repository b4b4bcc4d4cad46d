/* SPDX-License-Identifier: ISC */
/* How options' values are read; the fault says what is wrong with the text. */
#ifndef TOOLS_CATHEDRAL_PROBE_OPTION_VALUES_H
#define TOOLS_CATHEDRAL_PROBE_OPTION_VALUES_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

/* to points at the field, or at the struct around it for the first three. */
typedef bool value_read(void *to, const char *text, uint64_t max, struct fault *why);

value_read value_cathedral; /* struct device_options: one more cathedral */
value_read value_bind;      /* struct device_options: bind and has_bind */
value_read value_signal;    /* struct options: signalled and signalling */

value_read value_decimal; /* uint64_t */
value_read value_hex;     /* uint64_t */
value_read value_seconds; /* uint64_t of nanoseconds; more than 0, with decimals */
value_read value_number;  /* double, not negative */
value_read value_text;    /* const char * */
value_read value_yes_no;  /* bool */
value_read value_expect;  /* unsigned: bits of enum device_event_kind */

#endif
