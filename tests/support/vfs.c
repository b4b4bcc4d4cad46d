/* SPDX-License-Identifier: ISC */
#include "tests/support/vfs.h"

#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct vfs {
	sqlite3_vfs vfs; /* first: SQLite hands it back */
	sqlite3_vfs *real;
	char name[64];
	pthread_mutex_t lock;
	struct vfs_failure failure;
	uint64_t calls, failed, syncs;
	int last_errno; /* of a failure of ours until it is mended; 0: ask the real one */
	bool log_unsynced;
};

/* The real file stands behind it in the memory that SQLite gives. */
struct shim_file {
	sqlite3_file file; /* first */
	struct vfs *v;
	sqlite3_file *real;
	bool log; /* it is the log of writes */
};

static struct vfs *
of(sqlite3_vfs *vfs)
{
	return (struct vfs *)vfs;
}

static struct shim_file *
shim(sqlite3_file *file)
{
	return (struct shim_file *)file;
}

/* SQLITE_OK, or what this call is to fail with. */
static int
ask(struct vfs *v, enum vfs_call call)
{
	int code = SQLITE_OK;

	pthread_mutex_lock(&v->lock);
	if (call == VFS_SYNC)
		v->syncs++;
	if ((v->failure.calls & (unsigned)call) != 0) {
		v->calls++;
		if (v->calls == v->failure.nth ||
		    (v->failure.lasting && v->calls > v->failure.nth)) {
			v->failed++;
			v->last_errno = v->failure.system_errno;
			code = v->failure.code;
		}
	}
	pthread_mutex_unlock(&v->lock);
	return code;
}

static int
last_errno(struct vfs *v)
{
	int failure;

	pthread_mutex_lock(&v->lock);
	failure = v->last_errno;
	pthread_mutex_unlock(&v->lock);
	return failure;
}

static void
note_log(const struct shim_file *f, bool unsynced)
{
	if (!f->log)
		return;
	pthread_mutex_lock(&f->v->lock);
	f->v->log_unsynced = unsynced;
	pthread_mutex_unlock(&f->v->lock);
}

static int
shim_close(sqlite3_file *file)
{
	sqlite3_file *real = shim(file)->real;

	return real->pMethods == NULL ? SQLITE_OK : real->pMethods->xClose(real);
}

static int
shim_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	sqlite3_file *real = shim(file)->real;
	int code = ask(shim(file)->v, VFS_READ);

	return code != SQLITE_OK ? code : real->pMethods->xRead(real, to, len, at);
}

static int
shim_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	sqlite3_file *real = shim(file)->real;
	int code = ask(shim(file)->v, VFS_WRITE);

	note_log(shim(file), true);
	if (code == SQLITE_OK)
		return real->pMethods->xWrite(real, from, len, at);
	real->pMethods->xWrite(real, from, len / 2, at);
	return code;
}

static int
shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	sqlite3_file *real = shim(file)->real;
	int code = ask(shim(file)->v, VFS_TRUNCATE);

	return code != SQLITE_OK ? code : real->pMethods->xTruncate(real, size);
}

static int
shim_sync(sqlite3_file *file, int flags)
{
	sqlite3_file *real = shim(file)->real;
	int code = ask(shim(file)->v, VFS_SYNC);

	if (code == SQLITE_OK)
		code = real->pMethods->xSync(real, flags);
	if (code == SQLITE_OK)
		note_log(shim(file), false);
	return code;
}

static int
shim_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	sqlite3_file *real = shim(file)->real;

	return real->pMethods->xFileSize(real, ret);
}

static int
shim_lock(sqlite3_file *file, int level)
{
	sqlite3_file *real = shim(file)->real;
	int code = ask(shim(file)->v, VFS_LOCK);

	return code != SQLITE_OK ? code : real->pMethods->xLock(real, level);
}

static int
shim_unlock(sqlite3_file *file, int level)
{
	sqlite3_file *real = shim(file)->real;

	return real->pMethods->xUnlock(real, level);
}

static int
shim_reserved(sqlite3_file *file, int *ret)
{
	sqlite3_file *real = shim(file)->real;

	return real->pMethods->xCheckReservedLock(real, ret);
}

static int
shim_control(sqlite3_file *file, int op, void *arg)
{
	sqlite3_file *real = shim(file)->real;
	int failure = op == SQLITE_FCNTL_LAST_ERRNO ? last_errno(shim(file)->v) : 0;

	if (failure != 0) {
		*(int *)arg = failure;
		return SQLITE_OK;
	}
	return real->pMethods->xFileControl(real, op, arg);
}

static int
shim_sector(sqlite3_file *file)
{
	sqlite3_file *real = shim(file)->real;

	return real->pMethods->xSectorSize(real);
}

static int
shim_device(sqlite3_file *file)
{
	sqlite3_file *real = shim(file)->real;

	return real->pMethods->xDeviceCharacteristics(real);
}

static int
shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
	sqlite3_file *real = shim(file)->real;

	return real->pMethods->xShmMap(real, page, size, extend, ret);
}

static int
shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	sqlite3_file *real = shim(file)->real;
	int code = SQLITE_OK;

	/* Giving one back cannot fail. */
	if ((flags & SQLITE_SHM_LOCK) != 0)
		code = ask(shim(file)->v, VFS_LOCK);
	return code != SQLITE_OK ? code : real->pMethods->xShmLock(real, offset, n, flags);
}

static void
shim_shm_barrier(sqlite3_file *file)
{
	sqlite3_file *real = shim(file)->real;

	real->pMethods->xShmBarrier(real);
}

static int
shim_shm_unmap(sqlite3_file *file, int remove)
{
	sqlite3_file *real = shim(file)->real;

	return real->pMethods->xShmUnmap(real, remove);
}

static const sqlite3_io_methods shim_methods = {
	.iVersion = 2,
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_reserved,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_device,
	.xShmMap = shim_shm_map,
	.xShmLock = shim_shm_lock,
	.xShmBarrier = shim_shm_barrier,
	.xShmUnmap = shim_shm_unmap,
};

static int
vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *given)
{
	struct vfs *v = of(vfs);
	struct shim_file *f = shim(file);
	int code = ask(v, VFS_OPEN);

	f->v = v;
	f->log = (flags & SQLITE_OPEN_WAL) != 0;
	f->real = (sqlite3_file *)(f + 1);
	f->real->pMethods = NULL;
	if (code == SQLITE_OK)
		code = v->real->xOpen(v->real, name, f->real, flags, given);
	/* Without methods it is not closed. */
	f->file.pMethods = code == SQLITE_OK ? &shim_methods : NULL;
	return code;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
	int code = ask(of(vfs), VFS_DELETE);

	return code != SQLITE_OK ? code : of(vfs)->real->xDelete(of(vfs)->real, name, sync_folder);
}

static int
vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	return of(vfs)->real->xAccess(of(vfs)->real, name, flags, ret);
}

static int
vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	return of(vfs)->real->xFullPathname(of(vfs)->real, name, size, out);
}

static int
vfs_randomness(sqlite3_vfs *vfs, int len, char *out)
{
	return of(vfs)->real->xRandomness(of(vfs)->real, len, out);
}

static int
vfs_sleep(sqlite3_vfs *vfs, int us)
{
	return of(vfs)->real->xSleep(of(vfs)->real, us);
}

static int
vfs_time(sqlite3_vfs *vfs, double *ret)
{
	return of(vfs)->real->xCurrentTime(of(vfs)->real, ret);
}

static int
vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
	return of(vfs)->real->xCurrentTimeInt64(of(vfs)->real, ret);
}

static int
vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
	sqlite3_vfs *real = of(vfs)->real;
	int failure = last_errno(of(vfs));

	return failure != 0 ? failure : real->xGetLastError(real, size, out);
}

struct vfs *
vfs_make(const char *name)
{
	struct vfs *v = calloc(1, sizeof(*v));
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	if (v == NULL || real == NULL) {
		fail_msg("no file system for the test");
		abort(); /* not reached */
	}
	snprintf(v->name, sizeof(v->name), "%s", name);
	pthread_mutex_init(&v->lock, NULL);
	v->real = real;
	v->vfs = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = (int)sizeof(struct shim_file) + real->szOsFile,
		.mxPathname = real->mxPathname,
		.zName = v->name,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
		.xGetLastError = vfs_last_error,
		.xCurrentTimeInt64 = vfs_time_ms,
	};
	if (sqlite3_vfs_register(&v->vfs, 0) != SQLITE_OK)
		fail_msg("the test's file system is refused");
	return v;
}

void
vfs_end(struct vfs *v)
{
	sqlite3_vfs_unregister(&v->vfs);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

void
vfs_fail(struct vfs *v, const struct vfs_failure *f)
{
	pthread_mutex_lock(&v->lock);
	v->failure = *f;
	v->calls = 0;
	v->failed = 0;
	pthread_mutex_unlock(&v->lock);
}

void
vfs_mend(struct vfs *v)
{
	pthread_mutex_lock(&v->lock);
	v->failure = (struct vfs_failure){ .calls = 0 };
	v->last_errno = 0;
	pthread_mutex_unlock(&v->lock);
}

uint64_t
vfs_failed(struct vfs *v)
{
	uint64_t failed;

	pthread_mutex_lock(&v->lock);
	failed = v->failed;
	pthread_mutex_unlock(&v->lock);
	return failed;
}

uint64_t
vfs_syncs(struct vfs *v)
{
	uint64_t syncs;

	pthread_mutex_lock(&v->lock);
	syncs = v->syncs;
	pthread_mutex_unlock(&v->lock);
	return syncs;
}

bool
vfs_log_unsynced(struct vfs *v)
{
	bool unsynced;

	pthread_mutex_lock(&v->lock);
	unsynced = v->log_unsynced;
	pthread_mutex_unlock(&v->lock);
	return unsynced;
}
