/* SPDX-License-Identifier: ISC */
/*
 * What a path and a query name.  The input is a text; it is read as a query, and its beginning as a
 * path parameter.
 */
#include "reliquary-api/http/request.h"
#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A name that is read is the only way to write what it names. */
static void
expect_names(const struct request *rq)
{
	struct flock_id flock, domain;
	struct device_id device;
	uint64_t id;
	char text[REQUEST_WORD_MAX];

	if (request_id64(rq, 1, &id)) {
		snprintf(text, sizeof(text), "%016" PRIx64, id);
		fuzz_expect(strcmp(text, rq->param[1]) == 0);
	}
	if (request_device(rq, 1, &device)) {
		snprintf(text, sizeof(text), "%08" PRIx32, device.value);
		fuzz_expect(strcmp(text, rq->param[1]) == 0);
	}
	if (request_flock(rq, 1, &flock)) {
		fuzz_expect(flock.value != 0 && flock_domain(flock) == 0);
		fuzz_expect(request_flock_domain(rq, 1, &domain) && flock_equal(domain, flock));
	}
	if (request_flock_domain(rq, 1, &domain)) {
		fuzz_expect(flock_base(domain).value != 0);
		fuzz_expect(request_id64(rq, 1, &id) && id == domain.value);
		fuzz_expect(request_flock(rq, 1, &flock) == (flock_domain(domain) == 0));
	}
}

/* Every byte as "%xx". */
static size_t
escape(char *to, const char *word)
{
	size_t len = 0;

	for (; *word != '\0'; word++)
		len += (size_t)sprintf(to + len, "%%%02X", (uint8_t)*word);
	return len;
}

/* What was read can be written so that it is read the same. */
static void
expect_again(const struct request *rq)
{
	char text[REQUEST_QUERY_MAX * (6 * REQUEST_WORD_MAX + 2) + 1] = "";
	struct request again = { .length = -1 };
	size_t len = 0;

	for (size_t i = 0; i < rq->query_count; i++) {
		len += escape(text + len, rq->query[i].name);
		text[len++] = '=';
		len += escape(text + len, rq->query[i].value);
		text[len++] = '&';
	}
	text[len] = '\0';
	request_query_read(&again, text);
	fuzz_expect(!again.query_overflow && again.query_count == rq->query_count);
	for (size_t i = 0; i < rq->query_count; i++) {
		fuzz_expect(strcmp(again.query[i].name, rq->query[i].name) == 0);
		fuzz_expect(strcmp(again.query[i].value, rq->query[i].value) == 0);
	}
}

static void
expect_query(const struct request *rq)
{
	struct page p;

	fuzz_expect(rq->query_count <= REQUEST_QUERY_MAX);
	for (size_t i = 0; i < rq->query_count; i++)
		fuzz_expect(request_query(rq, rq->query[i].name) != NULL);
	if (request_page(rq, &p, 50, 200)) {
		const char *after = request_query(rq, "after");

		fuzz_expect(!rq->query_overflow && p.limit >= 1 && p.limit <= 200);
		fuzz_expect(strcmp(p.after, after != NULL ? after : "") == 0);
	}
	expect_again(rq);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct request rq = { .length = -1 };
	size_t param = len < REQUEST_WORD_MAX - 1 ? len : REQUEST_WORD_MAX - 1;
	char *text = malloc(len + 1);

	fuzz_expect(text != NULL);
	if (len > 0) {
		memcpy(text, data, len);
		memcpy(rq.param[1], data, param);
	}
	text[len] = '\0';
	expect_names(&rq);
	request_query_read(&rq, text);
	free(text);
	expect_query(&rq);
	request_free(&rq);
	return 0;
}
