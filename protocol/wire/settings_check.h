/* SPDX-License-Identifier: ISC */
/* What can be said about settings only when all lines were read; settings_parse() asks it. */
#ifndef PROTOCOL_WIRE_SETTINGS_CHECK_H
#define PROTOCOL_WIRE_SETTINGS_CHECK_H

#include "protocol/wire/settings.h"

/* Refuses what stands twice, naming the second line, and xflocks of unknown flocks. */
bool settings_check(const struct settings *s, struct fault *why);

#endif
