/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/proxy.h"

#include <string.h>

#define BLANKS " \t"

bool
proxy_trusted(const struct proxies *p, const struct endpoint *who)
{
	for (size_t i = 0; i < p->count; i++) {
		if (endpoint_same_ip(&p->list[i], who))
			return true;
	}
	return false;
}

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]", and with a port: "192.0.2.1:80", "[…]:80". */
static bool
parse_node(struct endpoint *ret, const char *text)
{
	char bare[ENDPOINT_TEXT];
	size_t len = strlen(text);

	if (endpoint_parse_ip(ret, text) || endpoint_parse(ret, text))
		return true;
	if (len < 3 || len - 1 > sizeof(bare) || text[0] != '[' || text[len - 1] != ']')
		return false;
	memcpy(bare, text + 1, len - 2);
	bare[len - 2] = '\0';
	return strchr(bare, ':') != NULL && endpoint_parse_ip(ret, bare);
}

static void
read_entry(struct forwarded *f, const struct proxies *p, const char *text, size_t len)
{
	char entry[ENDPOINT_TEXT];
	struct endpoint from;

	while (len > 0 && strchr(BLANKS, text[len - 1]) != NULL)
		len--;
	if (len == 0)
		return; /* an empty element of a list is none */
	if (len < sizeof(entry)) {
		memcpy(entry, text, len);
		entry[len] = '\0';
	}
	if (len >= sizeof(entry) || !parse_node(&from, entry)) {
		*f = (struct forwarded){ .found = true, .wrong = true };
		return;
	}
	if (!proxy_trusted(p, &from))
		*f = (struct forwarded){ .found = true, .from = from };
}

void
forwarded_read(struct forwarded *f, const struct proxies *p, const char *value)
{
	while (*value != '\0') {
		size_t len;

		value += strspn(value, BLANKS ",");
		len = strcspn(value, ",");
		read_entry(f, p, value, len);
		value += len;
	}
}

struct endpoint
forwarded_from(const struct forwarded *f, const struct proxies *p, const struct endpoint *peer)
{
	if (!f->found || f->wrong || !proxy_trusted(p, peer))
		return *peer;
	return f->from;
}
