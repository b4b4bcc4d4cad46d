/* SPDX-License-Identifier: ISC */
#include "reliquary-api/handlers/slice.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct cutting {
	int fd;
	uint8_t *out;
	size_t len, size;
};

static bool
read_whole(int fd, uint8_t *out, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t got = pread(fd, out, len, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		out += got;
		len -= (size_t)got;
		at += got;
	}
	return true;
}

static bool
run_read(void *arg, size_t place, size_t count)
{
	struct cutting *c = arg;
	size_t len = count * BUNDLE_ENTRY_SIZE;

	if (len > c->size - c->len || !read_whole(c->fd, c->out + c->len, len,
					  (off_t)(BUNDLE_HEAD_SIZE + place * BUNDLE_ENTRY_SIZE)))
		return false;
	c->len += len;
	return true;
}

/* As those who get it will look at it: what they refuse would keep all else from them. */
static bool
as_it_was(const struct cutting *c, const struct bundle_row *row, const struct kek_set *in_a,
    const struct kek_set *in_b)
{
	struct bundle slice;
	struct fault why;

	return bundle_parse(&slice, c->out, c->len, row->a, row->b, in_a, in_b, &why) &&
	       slice.head.generation == row->generation;
}

static bool
cut(struct cutting *c, const struct bundle_row *row, const struct kek_set *in_a,
    const struct kek_set *in_b)
{
	uint8_t beginning[BUNDLE_OUTLINE_SIZE];
	struct bundle whole;

	if (!read_whole(c->fd, beginning, sizeof(beginning), 0) ||
	    !bundle_outline(&whole, beginning, sizeof(beginning), row->a, row->b))
		return false;
	bundle_head_encode(&whole.head, c->out);
	c->len = BUNDLE_HEAD_SIZE;
	return bundle_runs(&whole, in_a, in_b, run_read, c) && c->len == c->size &&
	       as_it_was(c, row, in_a, in_b);
}

static enum slice_result
unopened(int error)
{
	if (error == ENOENT)
		return SLICE_GONE;
	return error == EIO ? SLICE_DAMAGED : SLICE_FAILED;
}

enum slice_result
slice_cut(const char *folder, const struct bundle_row *row, const struct kek_set *in_a,
    const struct kek_set *in_b, uint8_t **ret, size_t *len)
{
	struct cutting c = { .size = bundle_size(flock_equal(row->a, row->b), in_a, in_b) };
	enum slice_result result = SLICE_FAILED;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, row->file);
	c.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (c.fd == -1)
		return unopened(errno);
	c.out = malloc(c.size);
	if (c.out != NULL)
		result = cut(&c, row, in_a, in_b) ? SLICE_OK : SLICE_DAMAGED;
	close(c.fd);
	if (result != SLICE_OK) {
		free(c.out);
		return result;
	}
	*ret = c.out;
	*len = c.len;
	return SLICE_OK;
}
