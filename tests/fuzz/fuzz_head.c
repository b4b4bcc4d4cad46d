/* SPDX-License-Identifier: ISC */
/* Heads of requests.  The input is lines of "name:value", as the HTTP library would cut them. */
#include "reliquary-api/http/head.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static struct proxies
one_proxy(void)
{
	static struct endpoint list[1];

	fuzz_expect(endpoint_parse_ip(&list[0], "10.0.0.1"));
	return (struct proxies){ list, 1 };
}

/* Each string as long as it is, so that a look beyond its end is seen. */
static void
read_line(struct head *h, const char *line, size_t len)
{
	char *name = strndup(line, len), *value, *colon;

	fuzz_expect(name != NULL);
	colon = strchr(name, ':');
	value = strdup(colon != NULL ? colon + 1 : "");
	fuzz_expect(value != NULL);
	if (colon != NULL)
		*colon = '\0';
	head_field(h, name, value);
	free(value);
	free(name);
}

static void
expect_sense(const struct head *h, bool right)
{
	const struct request *rq = h->rq;

	fuzz_expect(right == (h->wrong[0] == '\0'));
	fuzz_expect(memchr(rq->token, '\0', sizeof(rq->token)) != NULL);
	fuzz_expect(memchr(rq->repeat_key, '\0', sizeof(rq->repeat_key)) != NULL);
	fuzz_expect(h->text_q <= 1000 && h->json_q <= 1000 && h->any_q <= 1000);
	if (right)
		fuzz_expect(rq->length == -1 || !h->chunked);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *at = (const char *)data, *end = at + len;
	struct proxies proxies = one_proxy();
	struct request rq = { 0 };
	struct endpoint peer;
	struct head h;

	fuzz_expect(endpoint_parse(&peer, "10.0.0.1:5"));
	head_begin(&h, &rq, &proxies);
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));

		if (line_end == NULL)
			line_end = end;
		read_line(&h, at, (size_t)(line_end - at));
		at = line_end < end ? line_end + 1 : end;
	}
	expect_sense(&h, head_end(&h, "HTTP/1.1", &peer));
	return 0;
}
