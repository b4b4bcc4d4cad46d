/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_CATHEDRALCTL_ASK_H
#define TOOLS_CATHEDRALCTL_ASK_H

#include "base/fault.h"

#include <stddef.h>

/*
 * Sends one line to the cathedral at the socket and returns all that it answers, NUL-terminated,
 * to be freed; NULL with the reason when it is away, denied or silent.
 */
char *control_ask(const char *socket_path, const char *line, size_t *len, struct fault *why);

#endif
