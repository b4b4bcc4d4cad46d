/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_SYNC_CHECK_H
#define CATHEDRAL_SYNC_CHECK_H

#include "tools/cathedral-sync/conf.h"

/*
 * Looks at all that the configuration names, without asking the service or making anything, and
 * prints that it is fine; false with the reason.  path is the configuration's, for the line.
 */
bool check(const struct sync_conf *conf, const char *path, struct fault *why);

#endif
