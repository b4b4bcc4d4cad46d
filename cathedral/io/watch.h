/* SPDX-License-Identifier: ISC */
/*
 * Notices that one of the files changed that the registry is made of.  It watches folders, since
 * files are replaced by renaming, and looks at the settings file once a second besides: that is
 * all that is left when the kernel has no more watches to give.
 */
#ifndef CATHEDRAL_IO_WATCH_H
#define CATHEDRAL_IO_WATCH_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#define WATCH_FOLDERS_MAX 4096

struct watch;

struct watch_options {
	const char *settings, *secretdir;
	const char *federation; /* NULL: none */
	void (*changed)(void *arg);
	void *arg;
};

/* Strings are borrowed.  Calls changed() from the base's loop; NULL when out of memory. */
struct watch *watch_create(struct event_base *base, const struct watch_options *options);
void watch_destroy(struct watch *w); /* NULL is fine */

/*
 * Looks up anew which folders matter.  To be called before the files are read: what changes after
 * that is noticed.
 */
void watch_renew(struct watch *w);

/* How many folders are watched, and whether that is all of them. */
size_t watch_count(const struct watch *w, bool *all);

#endif
