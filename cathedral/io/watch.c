/* SPDX-License-Identifier: ISC */
#include "cathedral/io/watch.h"

#include "base/log.h"
#include "cathedral/io/folders.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MATTERS                                                                                    \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB |        \
	    IN_DELETE_SELF | IN_MOVE_SELF)

/* What the kernel knows of one set of folders; replaced whole. */
struct kernel {
	int fd; /* -1: none */
	struct event *readable;
	struct folders folders;
	int *descriptors; /* of each folder; -1: not watched */
	size_t watched;
};

struct watch {
	struct event_base *base;
	struct watch_options options;
	struct kernel kernel;
	struct event *poll;
	struct stat settings; /* as it was when last looked at */
	bool told;            /* that not all folders could be watched */
};

static bool
event_matters(const struct kernel *k, const struct inotify_event *e)
{
	if ((e->mask & IN_Q_OVERFLOW) != 0)
		return true;
	for (size_t i = 0; i < k->folders.count; i++) {
		if (k->descriptors[i] != e->wd)
			continue;
		/* Without a name it is about the folder itself. */
		if (e->len == 0 || folder_matters(&k->folders.list[i], e->name))
			return true;
	}
	return false;
}

static void
watch_read(evutil_socket_t fd, short what, void *arg)
{
	_Alignas(struct inotify_event) char buffer[16384];
	struct watch *w = arg;
	bool changed = false;
	ssize_t n;

	(void)what;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + n;) {
			const struct inotify_event *e =
			    (const struct inotify_event *)(const void *)at;

			changed |= event_matters(&w->kernel, e);
			at += sizeof(*e) + e->len;
		}
	}
	if (changed)
		w->options.changed(w->options.arg);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Zeroed when there is none. */
static struct stat
look_at(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		memset(&st, 0, sizeof(st));
	return st;
}

static void
watch_poll(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	struct stat now = look_at(w->options.settings);

	(void)fd;
	(void)what;
	if (same_file(&w->settings, &now))
		return;
	w->settings = now;
	w->options.changed(w->options.arg);
}

static void
kernel_close(struct kernel *k)
{
	if (k->readable != NULL)
		event_free(k->readable);
	if (k->fd != -1)
		close(k->fd);
	free(k->descriptors);
	folders_free(&k->folders);
	*k = (struct kernel){ .fd = -1 };
}

/* A folder that is not there is made known by the one that it would be in. */
static void
watch_folders(struct kernel *k)
{
	for (size_t i = 0; i < k->folders.count; i++) {
		const char *path = k->folders.list[i].path;

		k->descriptors[i] = inotify_add_watch(k->fd, path, MATTERS | IN_ONLYDIR);
		if (k->descriptors[i] != -1)
			k->watched++;
		else if (errno != ENOENT && errno != ENOTDIR)
			k->folders.all = false;
	}
}

static bool
kernel_open(struct kernel *k, struct watch *w)
{
	const struct watch_options *o = &w->options;

	*k = (struct kernel){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
	if (k->fd == -1 ||
	    !folders_find(&k->folders, o->settings, o->federation, o->secretdir, WATCH_FOLDERS_MAX))
		return false;
	k->descriptors = calloc(k->folders.count, sizeof(*k->descriptors));
	k->readable = event_new(w->base, k->fd, EV_READ | EV_PERSIST, watch_read, w);
	if (k->descriptors == NULL || k->readable == NULL || event_add(k->readable, NULL) == -1)
		return false;
	watch_folders(k);
	return true;
}

static void
tell(struct watch *w, bool all)
{
	if (!all && !w->told)
		log_warn("not all folders can be watched for changes: after changing keys or "
			 "bundles, touch %s or reload",
		    w->options.settings);
	w->told = !all;
}

/* The new watches stand before the old ones fall, so nothing slips through between them. */
void
watch_renew(struct watch *w)
{
	struct kernel next;

	w->settings = look_at(w->options.settings);
	if (!kernel_open(&next, w)) {
		kernel_close(&next);
		tell(w, false);
		return;
	}
	kernel_close(&w->kernel);
	w->kernel = next;
	tell(w, next.folders.all);
}

size_t
watch_count(const struct watch *w, bool *all)
{
	*all = w->kernel.fd != -1 && w->kernel.folders.all;
	return w->kernel.watched;
}

struct watch *
watch_create(struct event_base *base, const struct watch_options *options)
{
	const struct timeval second = { .tv_sec = 1 };
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->base = base;
	w->options = *options;
	w->kernel.fd = -1;
	w->poll = event_new(base, -1, EV_PERSIST, watch_poll, w);
	if (w->poll == NULL || evtimer_add(w->poll, &second) == -1) {
		watch_destroy(w);
		return NULL;
	}
	watch_renew(w);
	return w;
}

void
watch_destroy(struct watch *w)
{
	if (w == NULL)
		return;
	if (w->poll != NULL)
		event_free(w->poll);
	kernel_close(&w->kernel);
	free(w);
}
