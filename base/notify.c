/* SPDX-License-Identifier: ISC */
#include "base/notify.h"

#include "base/clock.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Nobody hears these when the socket fails, and nothing here depends on being heard. */

void
notify_starting(unsigned seconds)
{
	sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%ju", (uintmax_t)seconds * 1000000);
}

void
notify_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void
notify_reloading(void)
{
	/* systemd of 253 and later (Type=notify-reload) pairs this with the next READY=1. */
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_now().mono_ns / 1000);
}

void
notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void
notify_main_pid(void)
{
	sd_notifyf(0, "MAINPID=%d\nREADY=1", (int)getpid());
}

void
notify_status(const char *status)
{
	sd_notifyf(0, "STATUS=%s", status);
}

uint64_t
notify_watchdog_interval_ms(void)
{
	uint64_t us;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return 0;
	return us / 2000;
}

void
notify_watchdog(void)
{
	sd_notify(0, "WATCHDOG=1");
}

bool
notify_inherited_socket(int *fd, struct fault *why)
{
	int count = sd_listen_fds(1);

	*fd = -1;
	if (count > 1)
		return fault_set(why, "%d sockets were handed over, but only one is wanted", count);
	if (count == 1)
		*fd = SD_LISTEN_FDS_START;
	return true;
}
