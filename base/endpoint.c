/* SPDX-License-Identifier: ISC */
#include "base/endpoint.h"

#include "base/hex.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct endpoint
endpoint_from_ipv4(const uint8_t ip[static 4], uint16_t port)
{
	struct endpoint e = { .port = port };

	memcpy(e.ip, mapped_prefix, sizeof(mapped_prefix));
	memcpy(e.ip + sizeof(mapped_prefix), ip, 4);
	return e;
}

bool
endpoint_is_ipv4(const struct endpoint *e)
{
	return memcmp(e->ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool
endpoint_is_any(const struct endpoint *e)
{
	static const uint8_t zero[16];

	if (endpoint_is_ipv4(e))
		return memcmp(e->ip + sizeof(mapped_prefix), zero, 4) == 0;
	return memcmp(e->ip, zero, sizeof(zero)) == 0;
}

bool
endpoint_is_loopback(const struct endpoint *e)
{
	if (endpoint_is_ipv4(e))
		return e->ip[sizeof(mapped_prefix)] == 127;
	return memcmp(e->ip, &in6addr_loopback, sizeof(e->ip)) == 0;
}

void
endpoint_ipv4(const struct endpoint *e, uint8_t ip[static 4])
{
	if (endpoint_is_ipv4(e))
		memcpy(ip, e->ip + sizeof(mapped_prefix), 4);
	else
		memset(ip, 0, 4);
}

bool
endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && endpoint_same_ip(a, b);
}

bool
endpoint_same_ip(const struct endpoint *a, const struct endpoint *b)
{
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

void
endpoint_source(const struct endpoint *e, uint8_t source[static 16])
{
	memcpy(source, e->ip, sizeof(e->ip));
	if (!endpoint_is_ipv4(e))
		memset(source + 8, 0, 8);
}

bool
endpoint_from_sockaddr(struct endpoint *ret, const struct sockaddr_storage *from)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (from->ss_family) {
	case AF_INET:
		memcpy(&v4, from, sizeof(v4));
		*ret = endpoint_from_ipv4((const uint8_t *)&v4.sin_addr.s_addr, ntohs(v4.sin_port));
		return true;
	case AF_INET6:
		memcpy(&v6, from, sizeof(v6));
		memcpy(ret->ip, v6.sin6_addr.s6_addr, sizeof(ret->ip));
		ret->port = ntohs(v6.sin6_port);
		return true;
	default:
		return false;
	}
}

socklen_t
endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *to)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(e->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(e->port) };

	if (endpoint_is_ipv4(e)) {
		memcpy(&v4.sin_addr, e->ip + sizeof(mapped_prefix), sizeof(v4.sin_addr));
		memcpy(to, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(v6.sin6_addr.s6_addr, e->ip, sizeof(e->ip));
	memcpy(to, &v6, sizeof(v6));
	return sizeof(v6);
}

bool
endpoint_parse(struct endpoint *ret, const char *text)
{
	char ip[ENDPOINT_TEXT];
	const char *colon = strrchr(text, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);
	struct endpoint e;
	uint64_t port;

	if (len == 0 || len >= sizeof(ip) || !decimal_u64(&port, colon + 1, UINT16_MAX))
		return false;
	memcpy(ip, text, len);
	ip[len] = '\0';

	if (ip[0] == '[') {
		if (ip[len - 1] != ']')
			return false;
		ip[len - 1] = '\0';
		if (strchr(ip, ':') == NULL || !endpoint_parse_ip(&e, ip + 1))
			return false;
	} else if (strchr(ip, ':') != NULL || !endpoint_parse_ip(&e, ip)) {
		return false;
	}
	e.port = (uint16_t)port;
	*ret = e;
	return true;
}

bool
endpoint_parse_ip(struct endpoint *ret, const char *text)
{
	struct endpoint e = { .port = 0 };
	uint8_t v4[4];

	if (inet_pton(AF_INET, text, v4) == 1) {
		*ret = endpoint_from_ipv4(v4, 0);
		return true;
	}
	if (inet_pton(AF_INET6, text, e.ip) != 1)
		return false;
	*ret = e;
	return true;
}

const char *
endpoint_format(const struct endpoint *e, char text[static ENDPOINT_TEXT])
{
	char ip[INET6_ADDRSTRLEN];
	bool v4 = endpoint_is_ipv4(e);

	if (v4)
		inet_ntop(AF_INET, e->ip + sizeof(mapped_prefix), ip, sizeof(ip));
	else
		inet_ntop(AF_INET6, e->ip, ip, sizeof(ip));
	snprintf(text, ENDPOINT_TEXT, v4 ? "%s:%u" : "[%s]:%u", ip, e->port);
	return text;
}

bool
endpoint_port_read(uint16_t *ret, const char *word, struct fault *why)
{
	uint64_t port;

	if (!decimal_u64(&port, word, UINT16_MAX) || port == 0)
		return fault_set(why, "\"%s\" is not a port (1 to 65535)", word);
	*ret = (uint16_t)port;
	return true;
}
