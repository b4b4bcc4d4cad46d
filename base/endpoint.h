/* SPDX-License-Identifier: ISC */
/* Where to send to: a port at an address of IPv6, or IPv4 in its mapped form.  A plain value
 * without padding surprises. */
#ifndef BASE_ENDPOINT_H
#define BASE_ENDPOINT_H

#include "base/fault.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint {
	uint8_t ip[16];
	uint16_t port; /* host order */
};

#define ENDPOINT_TEXT 64 /* enough for endpoint_format() */

struct endpoint endpoint_from_ipv4(const uint8_t ip[static 4], uint16_t port);
bool endpoint_is_ipv4(const struct endpoint *e);
bool endpoint_is_any(const struct endpoint *e);      /* 0.0.0.0 or :: */
bool endpoint_is_loopback(const struct endpoint *e); /* 127.0.0.0/8 or ::1 */

/* Writes the four bytes, or four zeros when the endpoint is not IPv4. */
void endpoint_ipv4(const struct endpoint *e, uint8_t ip[static 4]);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
bool endpoint_same_ip(const struct endpoint *a, const struct endpoint *b);

/*
 * Who a packet came from, for limits: the address of an IPv4 host, the /64 of an IPv6 one (one
 * host owns a whole /64).  Same source, same 16 bytes; ports do not count.
 */
void endpoint_source(const struct endpoint *e, uint8_t source[static 16]);

/* From what the kernel wrote; false for other families. */
bool endpoint_from_sockaddr(struct endpoint *ret, const struct sockaddr_storage *from);

/* For the kernel: AF_INET for IPv4, else AF_INET6.  Returns how many bytes it wrote. */
socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *to);

/* "192.0.2.1:4500", "[2001:db8::1]:4500"; names are not resolved. */
bool endpoint_parse(struct endpoint *ret, const char *text);

/* An address without port: "192.0.2.1", "2001:db8::1". */
bool endpoint_parse_ip(struct endpoint *ret, const char *text);

/* A port alone, 1 to 65535; false with the reason. */
bool endpoint_port_read(uint16_t *ret, const char *word, struct fault *why);

/* Writes what endpoint_parse() reads; returns text. */
const char *endpoint_format(const struct endpoint *e, char text[static ENDPOINT_TEXT]);

#endif
