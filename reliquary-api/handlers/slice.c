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
	return bundle_runs(&whole, in_a, in_b, run_read, c) && c->len == c->size;
}

enum slice_result
slice_cut(const char *folder, const struct bundle_row *row, const struct kek_set *in_a,
    const struct kek_set *in_b, uint8_t **ret, size_t *len)
{
	struct cutting c = { .size = bundle_size(flock_equal(row->a, row->b), in_a, in_b) };
	char path[PATH_MAX];
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", folder, row->file);
	c.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (c.fd == -1)
		return errno == ENOENT ? SLICE_GONE : SLICE_FAILED;
	c.out = malloc(c.size);
	ok = c.out != NULL && cut(&c, row, in_a, in_b);
	close(c.fd);
	if (!ok) {
		free(c.out);
		return SLICE_FAILED;
	}
	*ret = c.out;
	*len = c.len;
	return SLICE_OK;
}
