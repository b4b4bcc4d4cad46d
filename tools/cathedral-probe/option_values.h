/* SPDX-License-Identifier: ISC */
/* Values that only a probe's options have. */
#ifndef TOOLS_CATHEDRAL_PROBE_OPTION_VALUES_H
#define TOOLS_CATHEDRAL_PROBE_OPTION_VALUES_H

#include "tools/common/values.h"

/* These are given the struct around the field. */
value_read value_cathedral; /* struct device_options: one more cathedral */
value_read value_bind;      /* struct device_options: bind and has_bind */
value_read value_signal;    /* struct options: signalled and signalling */

value_read value_expect; /* unsigned: bits of enum device_event_kind */

#endif
