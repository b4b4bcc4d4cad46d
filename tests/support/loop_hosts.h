/* SPDX-License-Identifier: ISC */
/* UDP sockets on loopback addresses that no other process of these tests uses. */
#ifndef TESTS_SUPPORT_LOOP_HOSTS_H
#define TESTS_SUPPORT_LOOP_HOSTS_H

#include "base/endpoint.h"

#include <stddef.h>
#include <stdint.h>

/* Host 1, 2, ... 7. */
struct endpoint loop_host(uint8_t n, uint16_t port);

/* Bound there, with all the room that the system gives; a read waits for two seconds at most. */
int loop_udp(const struct endpoint *at);

/* The same with UDP-Lite; -1 on hosts that do not have it. */
int loop_udplite(const struct endpoint *at);

void loop_send(int fd, const struct endpoint *to, const void *data, size_t len);

/* As one message that the kernel cuts into packets of so many bytes. */
void loop_send_run(int fd, const struct endpoint *to, const void *data, size_t len, size_t segment);

void loop_assert_silent(int fd);

#endif
