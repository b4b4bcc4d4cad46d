/* SPDX-License-Identifier: ISC */
/* What systemd is told (sd_notify); does nothing when nobody asked for it. */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

/* Starting takes longer: so many seconds from now on are not too long. */
void notify_starting(unsigned seconds);
void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(void);
/* From now on it is this process that systemd supervises, and it is ready. */
void notify_main_pid(void);
void notify_status(const char *status);

/* Half of WatchdogSec= in milliseconds, 0 when no watchdog is asked for. */
uint64_t notify_watchdog_interval_ms(void);
void notify_watchdog(void);

/*
 * The socket that was opened before this program was started (LISTEN_FDS): *fd is -1 when there is
 * none.  Refused when there are several.
 */
bool notify_inherited_socket(int *fd, struct fault *why);

#endif
