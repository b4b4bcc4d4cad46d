/* SPDX-License-Identifier: ISC */
/*
 * Rows lie sorted by how many segments they have, and among those the ones with literals further to
 * the front come first: the first row that fits is the one that is meant.  A path is split once;
 * then its few rows are gone through.
 */
#include "reliquary-api/http/router.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS_MAX 8

struct segment {
	const char *text; /* not ended by a NUL; NULL: in braces */
	size_t len;
};

struct segments {
	struct segment list[SEGMENTS_MAX];
	size_t count;
};

struct row {
	struct segments path;
	unsigned braces; /* a bit for each segment in braces, the first segment's the highest */
	enum method method;
	size_t number; /* in the caller's table */
};

struct router {
	struct row *rows;
	size_t first[SEGMENTS_MAX + 2]; /* of the rows with so many segments */
};

static bool
segment_ok(const char *text, size_t len)
{
	if (len == 0 || len > REQUEST_WORD_MAX - 1)
		return false;
	if (text[0] == '.' && (len == 1 || (len == 2 && text[1] == '.')))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < 0x21 || text[i] > 0x7e || text[i] == '%')
			return false;
	}
	return true;
}

/* False when the path is nobody's. */
static bool
split(struct segments *ret, const char *path)
{
	ret->count = 0;
	if (path[0] != '/')
		return false;
	if (path[1] == '\0') /* the root has no segments */
		return true;
	while (*path == '/') {
		size_t len = strcspn(path + 1, "/");

		if (ret->count == SEGMENTS_MAX || !segment_ok(path + 1, len))
			return false;
		ret->list[ret->count++] = (struct segment){ path + 1, len };
		path += 1 + len;
	}
	return true;
}

static struct row
row_read(const struct pattern *p, size_t number)
{
	struct row row = { .method = p->method, .number = number };
	bool ok = split(&row.path, p->path);
	size_t params = 0;

	assert(ok && p->method < METHOD_OTHER && p->method != METHOD_HEAD);
	(void)ok;
	for (size_t i = 0; i < row.path.count; i++) {
		struct segment *s = &row.path.list[i];

		row.braces <<= 1;
		if (s->text[0] != '{')
			continue;
		assert(s->text[s->len - 1] == '}');
		*s = (struct segment){ NULL, 0 };
		row.braces |= 1;
		params++;
	}
	assert(params <= REQUEST_PARAMS_MAX);
	(void)params;
	return row;
}

static int
row_order(const void *first, const void *second)
{
	const struct row *a = first, *b = second;

	if (a->path.count != b->path.count)
		return a->path.count < b->path.count ? -1 : 1;
	if (a->braces != b->braces)
		return a->braces < b->braces ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

static const struct pattern *
pattern_at(const struct pattern *patterns, size_t stride, size_t n)
{
	return (const struct pattern *)(const void *)((const char *)patterns + n * stride);
}

struct router *
router_create(const struct pattern *patterns, size_t stride)
{
	struct router *r = calloc(1, sizeof(*r));
	size_t count = 0, at = 0;

	if (r == NULL)
		return NULL;
	while (pattern_at(patterns, stride, count)->path != NULL)
		count++;
	r->rows = calloc(count + 1, sizeof(*r->rows));
	if (r->rows == NULL) {
		free(r);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		r->rows[i] = row_read(pattern_at(patterns, stride, i), i);
	qsort(r->rows, count, sizeof(*r->rows), row_order);

	for (size_t segments = 0; segments <= SEGMENTS_MAX + 1; segments++) {
		while (at < count && r->rows[at].path.count < segments)
			at++;
		r->first[segments] = at;
	}
	return r;
}

void
router_destroy(struct router *r)
{
	if (r == NULL)
		return;
	free(r->rows);
	free(r);
}

static bool
row_fits(const struct row *row, const struct segments *path)
{
	for (size_t i = 0; i < path->count; i++) {
		const struct segment *want = &row->path.list[i], *is = &path->list[i];

		if (want->text == NULL)
			continue;
		if (want->len != is->len || memcmp(want->text, is->text, is->len) != 0)
			return false;
	}
	return true;
}

static void
params_fill(struct request *rq, const struct row *row, const struct segments *path)
{
	size_t n = 0;

	for (size_t i = 0; i < path->count; i++) {
		const struct segment *is = &path->list[i];

		if (row->path.list[i].text != NULL)
			continue;
		memcpy(rq->param[n], is->text, is->len);
		rq->param[n][is->len] = '\0';
		n++;
	}
}

/* "GET, HEAD, POST" from a bit for each method. */
static void
allow_list(char allow[static 64], unsigned methods)
{
	char *at = allow;

	if (methods & 1u << METHOD_GET)
		methods |= 1u << METHOD_HEAD;
	for (enum method m = METHOD_GET; m < METHOD_OTHER; m++) {
		if (methods & 1u << m)
			at = stpcpy(stpcpy(at, at == allow ? "" : ", "), method_name(m));
	}
}

enum route_found
router_find(const struct router *r, struct request *rq, size_t *row, char allow[static 64])
{
	enum method method = rq->method == METHOD_HEAD ? METHOD_GET : rq->method;
	struct segments path;
	unsigned methods = 0;

	memset(rq->param, 0, sizeof(rq->param));
	allow[0] = '\0';
	if (!split(&path, rq->path))
		return ROUTE_UNKNOWN;
	for (size_t i = r->first[path.count]; i < r->first[path.count + 1]; i++) {
		const struct row *candidate = &r->rows[i];

		if (!row_fits(candidate, &path))
			continue;
		if (candidate->method == method) {
			params_fill(rq, candidate, &path);
			*row = candidate->number;
			return ROUTE_FOUND;
		}
		methods |= 1u << candidate->method;
	}
	if (methods == 0)
		return ROUTE_UNKNOWN;
	allow_list(allow, methods);
	return ROUTE_WRONG_METHOD;
}
