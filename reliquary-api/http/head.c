/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/head.h"

#include "base/hex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"
#define Q_FULL 1000

void
head_begin(struct head *h, struct request *rq, const struct proxies *proxies)
{
	*h = (struct head){ .rq = rq, .proxies = proxies };
	rq->length = -1;
}

/* What is wrong first is what is said. */
__attribute__((format(printf, 2, 3))) static void
refuse(struct head *h, const char *format, ...)
{
	va_list args;

	if (h->wrong[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(h->wrong, sizeof(h->wrong), format, args);
	va_end(args);
}

/* Letters, digits and the marks that a token may hold (RFC 9110, 5.6.2). */
static bool
name_is_token(const char *name)
{
	static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
				      "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

/* Blanks within a value are fine, whatever else is not seen could be taken for the end of it. */
static bool
value_is_clean(const char *value)
{
	for (; *value != '\0'; value++) {
		if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
			return false;
	}
	return true;
}

/* Is it this word, in any case, followed by one of the characters in ends or nothing? */
static bool
begins_with(const char *text, const char *word, const char *ends)
{
	size_t len = strlen(word);

	return strncasecmp(text, word, len) == 0 &&
	       (text[len] == '\0' || strchr(ends, text[len]) != NULL);
}

static void
read_length(struct head *h, const char *value)
{
	uint64_t length;

	if (!decimal_u64(&length, value, INT64_MAX)) {
		refuse(h, "Content-Length is no number");
		return;
	}
	h->rq->length = (int64_t)length;
}

static void
read_encoding(struct head *h, const char *value)
{
	if (h->chunked || strcasecmp(value, "chunked") != 0)
		refuse(h, "Transfer-Encoding may only be chunked");
	h->chunked = true;
}

static void
read_expectation(struct head *h, const char *value)
{
	h->expects_continue = strcasecmp(value, "100-continue") == 0;
}

/* What is too long is nobody's token, and stays so when it is cut: it is longer than any. */
static void
copy_token(struct request *rq, const char *value)
{
	size_t len = strlen(value);

	while (len > 0 && strchr(BLANKS, value[len - 1]) != NULL)
		len--;
	if (len >= sizeof(rq->token))
		len = sizeof(rq->token) - 1;
	memcpy(rq->token, value, len);
	rq->token[len] = '\0';
}

static void
read_token(struct head *h, const char *value)
{
	copy_token(h->rq, value);
}

/* x-token goes before it, whatever their order. */
static void
read_authorization(struct head *h, const char *value)
{
	static const char scheme[] = "Bearer";

	if (h->rq->token[0] != '\0' || !begins_with(value, scheme, BLANKS))
		return;
	value += sizeof(scheme) - 1;
	copy_token(h->rq, value + strspn(value, BLANKS));
}

static void
read_repeat_key(struct head *h, const char *value)
{
	size_t len = strlen(value);

	if (len >= sizeof(h->rq->repeat_key)) {
		h->rq->repeat_overflow = true;
		return;
	}
	memcpy(h->rq->repeat_key, value, len + 1);
}

static void
read_type(struct head *h, const char *value)
{
	if (begins_with(value, "application/json", "; \t"))
		h->rq->type = CONTENT_JSON;
	else if (begins_with(value, "application/x-www-form-urlencoded", "; \t"))
		h->rq->type = CONTENT_FORM;
	else
		h->rq->type = CONTENT_OTHER;
}

/* The q of one element of Accept, which ends at end: ";q=0.7"; 1 without. */
static unsigned
quality(const char *at, const char *end)
{
	unsigned q = 0, unit = Q_FULL / 10;

	while ((at = memchr(at, ';', (size_t)(end - at))) != NULL) {
		at += 1 + strspn(at + 1, BLANKS);
		if ((at[0] == 'q' || at[0] == 'Q') && at[1] == '=')
			break;
	}
	if (at == NULL || at[2] != '0')
		return Q_FULL;
	if (at[3] != '.')
		return 0;
	for (at += 4; *at >= '0' && *at <= '9' && unit > 0; at++, unit /= 10)
		q += (unsigned)(*at - '0') * unit;
	return q;
}

static void
raise_to(unsigned *have, unsigned q)
{
	if (q > *have)
		*have = q;
}

static void
read_accept(struct head *h, const char *value)
{
	while (*value != '\0') {
		const char *end;

		value += strspn(value, BLANKS ",");
		end = value + strcspn(value, ",");
		if (begins_with(value, "text/plain", "; \t,") ||
		    begins_with(value, "text/*", "; \t,"))
			raise_to(&h->text_q, quality(value, end));
		else if (begins_with(value, "application/json", "; \t,") ||
			 begins_with(value, "application/*", "; \t,"))
			raise_to(&h->json_q, quality(value, end));
		else if (begins_with(value, "*/*", "; \t,"))
			raise_to(&h->any_q, quality(value, end));
		value = end;
	}
}

static void
read_forwarded(struct head *h, const char *value)
{
	forwarded_read(&h->forwarded, h->proxies, value);
}

enum { HOST = 0, LENGTH }; /* where they stand below */

/* Of what is there once, two would be understood in two ways. */
static const struct {
	const char *name;
	void (*read)(struct head *h, const char *value); /* NULL: it only has to be there */
	bool once;
} readers[] = {
	[HOST] = { "Host", NULL, true },
	[LENGTH] = { "Content-Length", read_length, true },
	{ "Transfer-Encoding", read_encoding, false }, /* says so itself */
	{ "Expect", read_expectation, true },
	{ "x-token", read_token, true },
	{ "Authorization", read_authorization, true },
	{ "Idempotency-Key", read_repeat_key, true },
	{ "Content-Type", read_type, true },
	{ "Accept", read_accept, false },
	{ "X-Forwarded-For", read_forwarded, false },
};

static bool
has(const struct head *h, unsigned n)
{
	return (h->seen & 1u << n) != 0;
}

void
head_field(struct head *h, const char *name, const char *value)
{
	if (!name_is_token(name))
		refuse(h, "the name of a field is malformed");
	if (!value_is_clean(value))
		refuse(h, "there is a control character in a field");
	for (unsigned n = 0; n < sizeof(readers) / sizeof(readers[0]); n++) {
		if (strcasecmp(readers[n].name, name) != 0)
			continue;
		if (readers[n].once && has(h, n))
			refuse(h, "there is more than one %s", readers[n].name);
		h->seen |= 1u << n;
		if (readers[n].read != NULL)
			readers[n].read(h, value);
		return;
	}
}

bool
head_end(struct head *h, const char *version, const struct endpoint *peer)
{
	bool old = strcmp(version, "HTTP/1.0") == 0;

	if (!has(h, HOST) && !old)
		refuse(h, "there is no Host");
	if (h->chunked && old)
		refuse(h, "HTTP/1.0 knows no Transfer-Encoding");
	if (h->chunked && has(h, LENGTH))
		refuse(h, "there is a Content-Length and a Transfer-Encoding");
	h->rq->wants_text = h->text_q > h->json_q && h->text_q >= h->any_q;
	h->rq->from = forwarded_from(&h->forwarded, h->proxies, peer);
	return h->wrong[0] == '\0';
}

bool
head_has_body(const struct head *h)
{
	return h->chunked || h->rq->length > 0;
}
