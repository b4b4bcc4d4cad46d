/* SPDX-License-Identifier: ISC */
/* All of it: one thread, which waits for the service, the cathedral, signals and times at once. */
#ifndef CATHEDRAL_SYNC_SYNC_H
#define CATHEDRAL_SYNC_SYNC_H

#include "base/fault.h"
#include "tools/cathedral-sync/conf.h"

struct sync;

/*
 * Reads the credentials and opens the registry, which is made if it is not there, as the user that
 * this program is to be from now on.  The configuration is borrowed.  Blocks the signals that
 * sync_run() waits for.  NULL with the reason.
 */
struct sync *sync_create(const struct sync_conf *conf, struct fault *why);
void sync_destroy(struct sync *s); /* NULL is fine */

/* Until SIGTERM or SIGINT. */
bool sync_run(struct sync *s, struct fault *why);

#endif
