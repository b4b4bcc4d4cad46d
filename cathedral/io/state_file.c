/* SPDX-License-Identifier: ISC */
#include "cathedral/io/state_file.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM (256u << 10) /* at least a frame; written when it is full */
#define TMP  ".new"

struct file {
	int fd;
	enum bequest_scope scope;
	size_t used;
	uint8_t room[ROOM];
};

/* As the configuration has it. */
static const char *
name_of(const struct state_file *file)
{
	return file->scope == BEQUEST_MONTHS ? "budget_file" : "state";
}

/* ---- writing ---- */

static bool
flush(struct file *f)
{
	bool ok = file_write_all(f->fd, f->room, f->used);

	f->used = 0;
	return ok;
}

static bool
put(void *arg, const uint8_t *frame, size_t len)
{
	struct file *f = arg;

	if (f->used + len > sizeof(f->room) && !flush(f))
		return false;
	memcpy(f->room + f->used, frame, len);
	f->used += len;
	return true;
}

static bool
write_all(struct file *f, struct site *site, struct instant now, struct bequest_counts *counts)
{
	const struct bequest_sink sink = { put, f };
	struct bequest *b = bequest_create(site, &sink, f->scope);
	bool ok = b != NULL && bequest_write(b, now, counts) && bequest_end(b) && flush(f);

	bequest_destroy(b);
	return ok && (f->scope != BEQUEST_MONTHS || fdatasync(f->fd) == 0);
}

static bool
refuse(struct fault *why, const struct state_file *file)
{
	return fault_set(why, "%s %s: %s", name_of(file), file->path, strerror(errno));
}

/* Tables are for the next process, not for after a power cut: nobody waits for a disk for them. */
static bool
write_beside(struct file *f, const char *beside, struct site *site, struct instant now,
    struct bequest_counts *counts)
{
	int error;
	bool ok;

	unlink(beside); /* of one that was killed while it wrote */
	f->used = 0;
	f->fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd == -1)
		return false;
	errno = ENOMEM;
	ok = write_all(f, site, now, counts);
	error = errno;
	close(f->fd);
	errno = error;
	return ok;
}

bool
state_file_write(const struct state_file *file, struct site *site, struct instant now,
    struct bequest_counts *counts, struct fault *why)
{
	struct file *f = malloc(sizeof(*f));
	char beside[PATH_MAX];
	bool ok;

	*counts = (struct bequest_counts){ 0 };
	if (f == NULL || snprintf(beside, sizeof(beside), "%s" TMP, file->path) >= PATH_MAX) {
		errno = f == NULL ? ENOMEM : ENAMETOOLONG;
		free(f);
		return refuse(why, file);
	}
	f->scope = file->scope;
	ok = write_beside(f, beside, site, now, counts) && rename(beside, file->path) == 0;
	free(f);
	if (ok)
		return true;
	refuse(why, file);
	unlink(beside);
	return false;
}

/* ---- reading ---- */

/* Fills up the room behind what is left of it; false when nothing more comes. */
static bool
refill(struct file *f)
{
	ssize_t n;

	do
		n = read(f->fd, f->room + f->used, sizeof(f->room) - f->used);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return false;
	f->used += (size_t)n;
	return true;
}

/* Takes in the whole frames that are there and keeps what is left. */
static bool
take_frames(struct file *f, struct heir *heir, struct instant now, struct fault *why)
{
	struct cursor c = cursor_over(f->room, f->used), next = c;
	struct frame frame;

	while (frame_take(&frame, &next)) {
		if (!heir_take(heir, &frame, now, why))
			return false;
		c = next;
	}
	memmove(f->room, c.at, c.left);
	f->used = c.left;
	return f->used < FRAME_MAX || fault_set(why, "it is not made of frames");
}

/* Who was heard where outlives all else. */
static bool
is_old(const struct heir *heir, struct instant now)
{
	return heir->scope != BEQUEST_MONTHS && heir->begun &&
	       now.mono_ns >= heir->mono_ns + IDENTITY_HINT_TTL_NS;
}

static enum state_file_result
read_all(struct file *f, struct heir *heir, struct instant now, struct fault *why)
{
	while (refill(f)) {
		if (!take_frames(f, heir, now, why))
			return STATE_WRONG;
		if (is_old(heir, now))
			return STATE_OLD;
	}
	if (heir->ended && f->used == 0)
		return STATE_READ;
	fault_set(why, "its end is missing");
	return STATE_WRONG;
}

/* Ours alone to write: anybody else's may say anything. */
static int
open_own(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    (st.st_mode & 022) == 0)
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

enum state_file_result
state_file_read(const struct state_file *file, struct site *site, struct instant now,
    struct bequest_counts *counts, struct fault *why)
{
	struct heir heir = heir_of(site, file->scope);
	enum state_file_result result;
	struct file *f = malloc(sizeof(*f));

	*counts = (struct bequest_counts){ 0 };
	errno = ENOMEM;
	if (f != NULL) {
		f->used = 0;
		f->fd = open_own(file->path);
	}
	if (f == NULL || f->fd == -1) {
		result = errno == ENOENT ? STATE_NONE : STATE_WRONG;
		free(f);
		refuse(why, file);
		return result;
	}
	result = read_all(f, &heir, now, why);
	if (result == STATE_WRONG)
		fault_prefix(why, "%s %s", name_of(file), file->path);
	*counts = heir.counts;
	close(f->fd);
	free(f);
	return result;
}
