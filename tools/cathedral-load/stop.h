/* SPDX-License-Identifier: ISC */
/* SIGINT and SIGTERM end what goes on, with the figures so far. */
#ifndef TOOLS_CATHEDRAL_LOAD_STOP_H
#define TOOLS_CATHEDRAL_LOAD_STOP_H

#include <stdbool.h>

void stop_catch(void);
bool stop_asked(void);

#endif
