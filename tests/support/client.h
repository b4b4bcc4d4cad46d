/* SPDX-License-Identifier: ISC */
/* A client of a service that runs in this very thread: the loop turns while it waits. */
#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

#include <event2/event.h>
#include <stddef.h>

/* A stream connected to a UNIX socket or to 127.0.0.1; a failure fails the test. */
int client_unix(const char *path);
int client_tcp(unsigned short port);

void client_send(int fd, const char *text);

/* Reads to the end, turning the loop; NULL when that has not come after so long.  Frees fd. */
char *client_read(struct event_base *base, int fd, unsigned patience_ms);

/* Turns the loop for a while. */
void client_wait(struct event_base *base, unsigned ms);

#endif
