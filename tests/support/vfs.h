/* SPDX-License-Identifier: ISC */
/*
 * A file system for the database that fails when it is told to.  It stands before the usual one:
 * until it fails, all is as on the disk.  Any thread.
 */
#ifndef TESTS_SUPPORT_VFS_H
#define TESTS_SUPPORT_VFS_H

#include <stdbool.h>
#include <stdint.h>

/* What can fail; or'ed. */
enum vfs_call {
	VFS_OPEN = 1,
	VFS_READ = 2,
	VFS_WRITE = 4,
	VFS_SYNC = 8,
	VFS_LOCK = 16, /* of the file and of the memory that sessions share */
	VFS_TRUNCATE = 32,
	VFS_DELETE = 64,
	VFS_ANY = 127,
};

struct vfs;

/* For store_options.vfs.  Failing to make it fails the running test. */
struct vfs *vfs_make(const char *name);
void vfs_end(struct vfs *v); /* when no session uses it any more */

/*
 * The nth (1, 2, …) of these calls from now on fails with code, one of SQLite's; with lasting all
 * after it, too.  system_errno is what the operating system is said to have given as the reason.  A
 * write that fails has written its first half.
 */
struct vfs_failure {
	unsigned calls; /* enum vfs_call */
	uint64_t nth;
	int code, system_errno;
	bool lasting;
};

void vfs_fail(struct vfs *v, const struct vfs_failure *f);
void vfs_mend(struct vfs *v);

/* How many calls failed since vfs_fail(); kept by vfs_mend(). */
uint64_t vfs_failed(struct vfs *v);

/* How often files were synced since vfs_make(). */
uint64_t vfs_syncs(struct vfs *v);

/* Has the log of writes something that was not synced yet, and would not survive a power cut? */
bool vfs_log_unsynced(struct vfs *v);

#endif
