/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/upload.h"

#include "base/file.h"
#include "base/hex.h"
#include "tests/support/scratch.h"
#include "tests/support/vectors.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder for uploads, and randomness for their names. */
struct place {
	struct scratch scratch;
	struct scratch_name folder, incoming;
	struct random chance;
};

static void
place_make(struct place *p)
{
	struct fault why;

	p->scratch = scratch_make();
	p->folder = scratch_name(&p->scratch, "bundles");
	p->incoming = scratch_name(&p->scratch, "bundles/incoming");
	random_from_seed(&p->chance, 7);
	if (!upload_folder_prepare(p->folder.path, &why))
		fail_msg("%s", why.text);
}

/* How many files there are in a folder: incoming itself does not count. */
static size_t
files_in(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *e;
	size_t count = 0;

	assert_non_null(folder);
	while ((e = readdir(folder)) != NULL)
		count += e->d_name[0] != '.' && strcmp(e->d_name, "incoming") != 0;
	closedir(folder);
	return count;
}

/* What looks at the bytes: refuses a '!' among them, and at the end what is shorter than least. */
struct looker {
	size_t seen, least;
	bool ended;
};

static bool
look(void *state, const uint8_t *data, size_t len, struct fault *why)
{
	struct looker *l = state;

	l->seen += len;
	if (memchr(data, '!', len) != NULL)
		return fault_set(why, "there is a mark among the bytes");
	return true;
}

static bool
look_end(void *state, struct fault *why)
{
	struct looker *l = state;

	l->ended = true;
	return l->seen >= l->least || fault_set(why, "%zu bytes are too few", l->seen);
}

static struct upload *
begin(struct place *p, size_t least)
{
	struct looker *l = calloc(1, sizeof(*l));
	const struct upload_check check = { l, look, look_end };
	struct upload *u;

	assert_non_null(l);
	l->least = least;
	u = upload_begin(p->folder.path, &check, &p->chance);
	assert_non_null(u);
	return u;
}

static enum upload_status
take(struct upload *u, const char *text)
{
	size_t len = strlen(text);
	uint8_t *exact = exact_copy(text, len);
	enum upload_status status = upload_take(u, exact, len);

	free(exact);
	return status;
}

static struct scratch_name
path_of(const struct place *p, const char *name)
{
	struct scratch_name n;

	snprintf(n.path, sizeof(n.path), "%.400s/%s", p->folder.path, name);
	return n;
}

static void
what_was_kept_is_there_whole(void **state)
{
	char name[UPLOAD_NAME_SIZE], hex[65];
	struct place p;
	struct scratch_name path;
	struct upload *u;
	struct fault why;
	struct stat st;
	uint8_t *bytes;
	size_t len;

	(void)state;
	place_make(&p);
	u = begin(&p, 0);
	assert_int_equal(upload_reserve(u, 11), UPLOAD_OK);
	assert_int_equal(take(u, "a"), UPLOAD_OK);
	assert_int_equal(take(u, ""), UPLOAD_OK);
	assert_int_equal(take(u, "bc"), UPLOAD_OK);
	assert_int_equal(files_in(p.incoming.path), 1);
	assert_int_equal(upload_end(u), UPLOAD_OK);
	assert_true(((const struct looker *)upload_state(u))->ended);
	assert_int_equal(upload_size(u), 3);
	assert_string_equal(hex_encode(hex, upload_hash(u), UPLOAD_HASH_SIZE),
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

	assert_int_equal(files_in(p.folder.path), 0);
	assert_int_equal(upload_settle(u), UPLOAD_OK);
	assert_int_equal(files_in(p.incoming.path), 0);
	upload_keep(u);
	memcpy(name, upload_name(u), sizeof(name));
	assert_int_equal(strlen(name), 32);
	assert_int_equal(strspn(name, "0123456789abcdef"), 32);
	assert_int_equal(upload_errno(u), 0);
	upload_free(u);

	path = path_of(&p, name);
	assert_true(file_read(&bytes, &len, path.path, 100, &why));
	assert_int_equal(len, 3);
	assert_memory_equal(bytes, "abc", 3);
	free(bytes);
	assert_int_equal(stat(path.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	scratch_remove(&p.scratch);
}

static void
names_differ(void **state)
{
	char first[UPLOAD_NAME_SIZE];
	struct place p;
	struct upload *u, *v;

	(void)state;
	place_make(&p);
	u = begin(&p, 0);
	v = begin(&p, 0);
	memcpy(first, upload_name(u), sizeof(first));
	assert_string_not_equal(first, upload_name(v));
	assert_int_equal(files_in(p.incoming.path), 2);
	upload_free(u);
	upload_free(v);
	assert_int_equal(files_in(p.incoming.path), 0);
	scratch_remove(&p.scratch);
}

/* At every step it may be broken off. */
static void
what_is_broken_off_leaves_nothing(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	upload_free(NULL);
	for (int steps = 0; steps < 5; steps++) {
		struct upload *u = begin(&p, 0);

		if (steps > 0)
			assert_int_equal(upload_reserve(u, 100000), UPLOAD_OK);
		if (steps > 1)
			assert_int_equal(take(u, "some bytes"), UPLOAD_OK);
		if (steps > 2)
			assert_int_equal(upload_end(u), UPLOAD_OK);
		if (steps > 3)
			assert_int_equal(upload_settle(u), UPLOAD_OK);
		assert_int_equal(files_in(p.incoming.path), steps < 4);
		assert_int_equal(files_in(p.folder.path), steps == 4);
		upload_free(u);
		assert_int_equal(files_in(p.incoming.path), 0);
		assert_int_equal(files_in(p.folder.path), 0);
	}
	scratch_remove(&p.scratch);
}

static void
what_the_check_refuses_is_wrong(void **state)
{
	struct place p;
	struct upload *u;

	(void)state;
	place_make(&p);
	u = begin(&p, 0);
	assert_int_equal(take(u, "fine"), UPLOAD_OK);
	assert_int_equal(take(u, "not so!"), UPLOAD_WRONG);
	assert_string_equal(upload_fault(u)->text, "there is a mark among the bytes");
	assert_int_equal(take(u, "fine again"), UPLOAD_WRONG);
	assert_int_equal(((const struct looker *)upload_state(u))->seen, 4 + 7);
	assert_int_equal(upload_reserve(u, 5), UPLOAD_WRONG);
	assert_int_equal(upload_end(u), UPLOAD_WRONG);
	assert_int_equal(upload_settle(u), UPLOAD_WRONG);
	assert_string_equal(upload_fault(u)->text, "there is a mark among the bytes");
	assert_int_equal(upload_size(u), 4);
	upload_free(u);

	u = begin(&p, 10);
	assert_int_equal(take(u, "123456789"), UPLOAD_OK);
	assert_int_equal(upload_end(u), UPLOAD_WRONG);
	assert_string_equal(upload_fault(u)->text, "9 bytes are too few");
	assert_int_equal(upload_settle(u), UPLOAD_WRONG);
	assert_int_equal(upload_errno(u), 0);
	upload_free(u);
	assert_int_equal(files_in(p.incoming.path) + files_in(p.folder.path), 0);
	scratch_remove(&p.scratch);
}

static void
no_check_is_no_hindrance(void **state)
{
	const struct upload_check none = { 0 };
	struct place p;
	struct upload *u;

	(void)state;
	place_make(&p);
	u = upload_begin(p.folder.path, &none, &p.chance);
	assert_non_null(u);
	assert_int_equal(take(u, "!"), UPLOAD_OK);
	assert_int_equal(upload_end(u), UPLOAD_OK);
	assert_int_equal(upload_settle(u), UPLOAD_OK);
	upload_free(u);
	scratch_remove(&p.scratch);
}

/* Any pieces make the same file and the hash that another library makes of it. */
static void
pieces_do_not_matter(void **state)
{
	static uint8_t data[300000];
	static const size_t pieces[] = { 1000, 4096, 65536, sizeof(data) };
	uint8_t want[crypto_hash_sha256_BYTES];
	struct place p;

	(void)state;
	place_make(&p);
	random_bytes(&p.chance, data, sizeof(data));
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = data[i] == '!' ? '.' : data[i];
	crypto_hash_sha256(want, data, sizeof(data));
	for (size_t i = 0; i < 4; i++) {
		struct upload *u = begin(&p, sizeof(data));
		struct scratch_name path;
		struct fault why;
		uint8_t *bytes;
		size_t len;

		for (size_t at = 0; at < sizeof(data); at += pieces[i]) {
			size_t left = sizeof(data) - at;

			assert_int_equal(
			    upload_take(u, data + at, left < pieces[i] ? left : pieces[i]),
			    UPLOAD_OK);
		}
		assert_int_equal(upload_end(u), UPLOAD_OK);
		assert_int_equal(upload_settle(u), UPLOAD_OK);
		assert_memory_equal(upload_hash(u), want, sizeof(want));
		path = path_of(&p, upload_name(u));
		assert_true(file_read(&bytes, &len, path.path, sizeof(data), &why));
		assert_int_equal(len, sizeof(data));
		assert_memory_equal(bytes, data, len);
		free(bytes);
		upload_free(u);
	}
	scratch_remove(&p.scratch);
}

/* No file may grow beyond max bytes from here on; the kernel says so with EFBIG. */
static void
limit_files(rlim_t max, struct rlimit *before)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, before), 0);
	limit = *before;
	limit.rlim_cur = max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
a_write_that_stops_in_the_middle_fails(void **state)
{
	static const uint8_t data[3000];
	struct rlimit before;
	struct place p;
	struct upload *u;
	enum upload_status taken, again;

	(void)state;
	place_make(&p);
	u = begin(&p, 0);
	limit_files(5000, &before);
	assert_int_equal(upload_take(u, data, sizeof(data)), UPLOAD_OK);
	taken = upload_take(u, data, sizeof(data)); /* 2000 bytes of it fit */
	again = upload_take(u, data, 1);
	setrlimit(RLIMIT_FSIZE, &before);

	assert_int_equal(taken, UPLOAD_FAILED);
	assert_int_equal(again, UPLOAD_FAILED);
	assert_int_equal(upload_errno(u), EFBIG);
	assert_string_equal(upload_fault(u)->text, "writing an upload: File too large");
	assert_int_equal(upload_end(u), UPLOAD_FAILED);
	assert_int_equal(upload_settle(u), UPLOAD_FAILED);
	upload_free(u);

	assert_int_equal(files_in(p.incoming.path), 0);
	scratch_remove(&p.scratch);
}

static bool
file_put(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	bool written;

	if (file == NULL)
		return false;
	written = fputs(text, file) != EOF;
	return fclose(file) == 0 && written;
}

/* Root of a world of its own, in which the user and the group have the number 0. */
static bool
own_world(void)
{
	char user[64], group[64];

	snprintf(user, sizeof(user), "0 %u 1", (unsigned)geteuid());
	snprintf(group, sizeof(group), "0 %u 1", (unsigned)getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       file_put("/proc/self/setgroups", "deny") && file_put("/proc/self/uid_map", user) &&
	       file_put("/proc/self/gid_map", group);
}

/* Mounts that only this program sees. */
static bool
own_mounts(void)
{
	if (unshare(CLONE_NEWNS) == -1 && !own_world())
		return false;
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* False where not even that is allowed: then there is no small disk to be had. */
static bool
disk_mount(const char *path)
{
	return own_mounts() && mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") == 0;
}

static void
a_full_disk_shows_before_the_bytes(void **state)
{
	static uint8_t data[65536];
	struct place p;
	struct upload *u;
	struct fault why;

	(void)state;
	place_make(&p);
	if (disk_mount(p.folder.path)) {
		assert_true(upload_folder_prepare(p.folder.path, &why));
		u = begin(&p, 0);
		assert_int_equal(upload_reserve(u, 1000000), UPLOAD_FAILED);
		assert_int_equal(upload_errno(u), ENOSPC);
		assert_string_equal(
		    upload_fault(u)->text, "making room for an upload: No space left on device");
		upload_free(u);

		/* Whoever did not ask is told when it is full. */
		u = begin(&p, 0);
		assert_int_equal(upload_take(u, data, 30000), UPLOAD_OK);
		assert_int_equal(upload_take(u, data, sizeof(data)), UPLOAD_FAILED);
		assert_int_equal(upload_errno(u), ENOSPC);
		assert_int_equal(upload_size(u), 30000);
		upload_free(u);

		/* And the room is there again. */
		u = begin(&p, 0);
		assert_int_equal(upload_reserve(u, 30000), UPLOAD_OK);
		assert_int_equal(upload_take(u, data, 30000), UPLOAD_OK);
		upload_free(u);
		assert_int_equal(files_in(p.incoming.path), 0);
		assert_int_equal(umount(p.folder.path), 0);
	}
	scratch_remove(&p.scratch);
}

static void
a_folder_that_cannot_be_written_to_stops_the_start(void **state)
{
	char want[600];
	struct place p;
	struct fault why;

	(void)state;
	place_make(&p);
	if (disk_mount(p.folder.path)) {
		const struct upload_check none = { .state = malloc(1) };

		assert_true(upload_folder_prepare(p.folder.path, &why));
		assert_int_equal(
		    mount("none", p.folder.path, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
		errno = 0;
		assert_null(upload_begin(p.folder.path, &none, &p.chance));
		assert_int_equal(errno, EROFS);
		assert_false(upload_folder_prepare(p.folder.path, &why));
		snprintf(want, sizeof(want), "%s: Read-only file system", p.incoming.path);
		assert_string_equal(why.text, want);
		assert_int_equal(umount(p.folder.path), 0);
	}
	scratch_remove(&p.scratch);
}

static void
folders_that_are_not_there_are_named(void **state)
{
	struct upload_check check = { .state = malloc(1) };
	char want[600], endless[5000];
	struct place p;
	struct scratch_name gone, file;
	struct fault why;

	(void)state;
	place_make(&p);
	gone = scratch_name(&p.scratch, "gone");
	file = scratch_write(&p.scratch, "file", "not a folder");
	errno = 0;
	assert_null(upload_begin(gone.path, &check, &p.chance));
	assert_int_equal(errno, ENOENT);
	check.state = malloc(1);
	assert_null(upload_begin(file.path, &check, &p.chance));
	assert_int_equal(errno, ENOTDIR);

	assert_false(upload_folder_prepare(file.path, &why));
	snprintf(want, sizeof(want), "%s: Not a directory", file.path);
	assert_string_equal(why.text, want);

	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	assert_false(upload_folder_prepare(endless, &why));
	scratch_remove(&p.scratch);
}

/* The folder goes away while an upload is on its way: it fails, and takes nothing else along. */
static void
a_settling_that_fails_says_so(void **state)
{
	struct scratch_name away;
	struct place p;
	struct upload *u;

	(void)state;
	place_make(&p);
	away = scratch_name(&p.scratch, "away");
	u = begin(&p, 0);
	assert_int_equal(take(u, "bytes"), UPLOAD_OK);
	assert_int_equal(upload_end(u), UPLOAD_OK);
	assert_int_equal(rename(p.incoming.path, away.path), 0);
	assert_int_equal(upload_settle(u), UPLOAD_FAILED);
	assert_int_equal(upload_errno(u), ENOENT);
	assert_string_equal(upload_fault(u)->text, "placing an upload: No such file or directory");
	upload_free(u);
	scratch_remove(&p.scratch);
}

static void
the_start_removes_what_a_crash_left(void **state)
{
	struct place p;
	struct fault why;

	(void)state;
	place_make(&p);
	scratch_write(&p.scratch, "bundles/0123456789abcdef0123456789abcdef", "kept");
	scratch_write(&p.scratch, "bundles/incoming/0123456789abcdef0123456789abcdef", "left");
	scratch_write(&p.scratch, "bundles/incoming/fedcba98765432100123456789abcdef", "");
	scratch_write(&p.scratch, "bundles/incoming/README", "somebody's own");
	assert_true(upload_folder_prepare(p.folder.path, &why));
	assert_int_equal(files_in(p.folder.path), 1);
	assert_int_equal(files_in(p.incoming.path), 1);
	scratch_remove(&p.scratch);
}

static void
folders_are_made_for_nobody_else(void **state)
{
	struct place p;
	struct stat st;

	(void)state;
	place_make(&p);
	assert_int_equal(stat(p.folder.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(p.incoming.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	scratch_remove(&p.scratch);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_kept_is_there_whole),
		cmocka_unit_test(names_differ),
		cmocka_unit_test(what_is_broken_off_leaves_nothing),
		cmocka_unit_test(what_the_check_refuses_is_wrong),
		cmocka_unit_test(no_check_is_no_hindrance),
		cmocka_unit_test(pieces_do_not_matter),
		cmocka_unit_test(a_write_that_stops_in_the_middle_fails),
		cmocka_unit_test(a_full_disk_shows_before_the_bytes),
		cmocka_unit_test(a_folder_that_cannot_be_written_to_stops_the_start),
		cmocka_unit_test(folders_that_are_not_there_are_named),
		cmocka_unit_test(a_settling_that_fails_says_so),
		cmocka_unit_test(the_start_removes_what_a_crash_left),
		cmocka_unit_test(folders_are_made_for_nobody_else),
	};

	return cmocka_run_group_tests_name("upload", tests, NULL, NULL);
}
