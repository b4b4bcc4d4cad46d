/* SPDX-License-Identifier: ISC */
#include "base/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* An abstract socket in the place of systemd's. */
static int
listen_as_systemd(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = 5 };
	char name[64];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len;

	snprintf(name, sizeof(name), "@reliquary-test-%d", (int)getpid());
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	memcpy(at.sun_path, name, strlen(name));
	at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, len), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void
assert_said(int fd, const char *text)
{
	char got[256];
	ssize_t len = recv(fd, got, sizeof(got) - 1, 0);

	if (len < 0) {
		fail_msg("nothing was said, not even \"%s\"", text);
		return;
	}
	got[len] = '\0';
	assert_memory_equal(got, text, strlen(text));
}

static void
tells_systemd(void **state)
{
	int fd = listen_as_systemd();

	(void)state;
	notify_starting(30);
	assert_said(fd, "EXTEND_TIMEOUT_USEC=30000000");
	notify_ready("7 devices");
	assert_said(fd, "READY=1\nSTATUS=7 devices");
	notify_status("8 devices");
	assert_said(fd, "STATUS=8 devices");
	notify_reloading();
	assert_said(fd, "RELOADING=1\nMONOTONIC_USEC=");
	notify_watchdog();
	assert_said(fd, "WATCHDOG=1");
	notify_stopping();
	assert_said(fd, "STOPPING=1");
	unsetenv("NOTIFY_SOCKET");
	close(fd);
}

static void
is_silent_when_nobody_asked(void **state)
{
	int fd = listen_as_systemd();
	char got[256];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify_ready("7 devices");
	notify_watchdog();
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
	close(fd);
}

static void
watchdog_is_fed_twice_per_period(void **state)
{
	char pid[32];

	(void)state;
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog_interval_ms(), 0);

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_interval_ms(), 15000);

	setenv("WATCHDOG_PID", "1", 1); /* another process is meant */
	assert_int_equal(notify_watchdog_interval_ms(), 0);
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(notify_watchdog_interval_ms(), 0);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_systemd),
		cmocka_unit_test(is_silent_when_nobody_asked),
		cmocka_unit_test(watchdog_is_fed_twice_per_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
