/* SPDX-License-Identifier: ISC */
#include "tools/reliquary-ambry/tree.h"

#include "base/file.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#define KEK_NAME "kek-0x%02x"
#define FLOCK    "%016" PRIx64

/* All paths of the tree are shorter than TREE_PATH_MAX, whatever the numbers. */
static void __attribute__((format(printf, 2, 3)))
path_write(char path[static TREE_PATH_MAX], const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(path, TREE_PATH_MAX, format, arguments);
	va_end(arguments);
	assert(len > 0 && len < TREE_PATH_MAX);
}

void
tree_ring_folder(char path[static TREE_PATH_MAX], struct flock_id flock, struct flock_id other)
{
	if (flock_equal(flock, other))
		path_write(path, FLOCK "/internal", flock.value);
	else
		path_write(path, FLOCK "/external/" FLOCK, flock.value, other.value);
}

void
tree_kek_path(char path[static TREE_PATH_MAX], struct flock_id flock, uint8_t number)
{
	path_write(path, FLOCK "/kek-data/" KEK_NAME, flock.value, number);
}

void
tree_ring_path(
    char path[static TREE_PATH_MAX], struct flock_id flock, struct flock_id other, uint8_t number)
{
	char folder[TREE_PATH_MAX];

	tree_ring_folder(folder, flock, other);
	path_write(path, "%s/" KEK_NAME, folder, number);
}

static bool
is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

bool
tree_has_keks(struct flock_id flock, struct fault *why)
{
	char folder[TREE_PATH_MAX];

	path_write(folder, FLOCK "/kek-data", flock.value);
	return is_there(folder) ||
	       fault_set(why, "%s: not there; this takes the flock's own KEKs", folder);
}

/* One number's KEK and its k1 for the own flock, into a folder being made. */
static bool
generate_one(
    struct fresh *f, struct flock_id flock, uint8_t number, struct random *r, struct fault *why)
{
	char kek_name[TREE_PATH_MAX], k1_name[TREE_PATH_MAX];
	struct kek_unwrap_key k1;
	struct kek kek;
	bool ok;

	path_write(kek_name, "kek-data/" KEK_NAME, number);
	path_write(k1_name, "internal/" KEK_NAME, number);
	random_bytes(r, kek.bytes, sizeof(kek.bytes));
	kek_unwrap_key_derive(&k1, &kek, flock, flock);

	ok = fresh_file(f, kek_name, kek.bytes, sizeof(kek.bytes), why) &&
	     fresh_file(f, k1_name, k1.bytes, sizeof(k1.bytes), why);
	secret_wipe(&kek, sizeof(kek));
	secret_wipe(&k1, sizeof(k1));
	return ok;
}

bool
tree_generate(struct flock_id flock, struct random *r, struct fault *why)
{
	char path[TREE_PATH_MAX];
	struct fresh f;
	bool ok;

	path_write(path, FLOCK, flock.value);
	if (!fresh_begin(&f, path, why))
		return false;
	ok = fresh_folder(&f, "kek-data", why) && fresh_folder(&f, "internal", why);
	for (unsigned n = KEK_NUMBER_MIN; ok && n <= KEK_NUMBER_MAX; n++)
		ok = generate_one(&f, flock, (uint8_t)n, r, why);
	if (ok)
		return fresh_commit(&f, why);
	fresh_abandon(&f);
	return false;
}

/* What follows from one KEK for a pair of flocks. */
static bool
derive(struct kek_unwrap_key *k1, struct flock_id flock, struct flock_id other, uint8_t number,
    struct fault *why)
{
	char path[TREE_PATH_MAX];
	struct kek kek;

	tree_kek_path(path, flock, number);
	if (!file_read_exact(kek.bytes, sizeof(kek.bytes), path, why))
		return false;
	kek_unwrap_key_derive(k1, &kek, flock, other);
	secret_wipe(&kek, sizeof(kek));
	return true;
}

static bool
export_one(struct fresh *f, struct flock_id flock, struct flock_id other, uint8_t number,
    struct fault *why)
{
	char name[TREE_PATH_MAX];
	struct kek_unwrap_key k1;
	bool ok;

	path_write(name, KEK_NAME, number);
	ok = derive(&k1, flock, other, number, why) &&
	     fresh_file(f, name, k1.bytes, sizeof(k1.bytes), why);
	secret_wipe(&k1, sizeof(k1));
	return ok;
}

bool
tree_export(struct flock_id flock, struct flock_id other, struct fault *why)
{
	char folder[TREE_PATH_MAX], above[TREE_PATH_MAX];
	struct fresh f;
	bool ok = true;

	path_write(above, FLOCK "/external", flock.value);
	tree_ring_folder(folder, flock, other);
	if (!tree_has_keks(flock, why) || !file_make_folder(above, 0700, why) ||
	    !fresh_begin(&f, folder, why))
		return false;
	for (unsigned n = KEK_NUMBER_MIN; ok && n <= KEK_NUMBER_MAX; n++)
		ok = export_one(&f, flock, other, (uint8_t)n, why);
	if (ok)
		return fresh_commit(&f, why);
	fresh_abandon(&f);
	return false;
}

static bool
no_ring(const char *folder, struct flock_id flock, struct flock_id other, struct fault *why)
{
	if (flock_equal(flock, other))
		return fault_set(why,
		    "%s: not there; a new flock's keys come from: "
		    "reliquary-ambry generate %" PRIx64,
		    folder, flock.value);
	return fault_set(why,
	    "%s: not there; the owner of flock %" PRIx64 " makes it, to be copied here, with: "
	    "reliquary-ambry export %" PRIx64 " %" PRIx64,
	    folder, flock.value, flock.value, other.value);
}

/* The KEK may have gone to its device for good; where it is still here, k1 must follow from it. */
static bool
check(const struct kek_unwrap_key *k1, struct flock_id flock, struct flock_id other, uint8_t number,
    struct fault *why)
{
	char kek_path[TREE_PATH_MAX], path[TREE_PATH_MAX];
	struct kek_unwrap_key want;
	bool same;

	tree_kek_path(kek_path, flock, number);
	if (!is_there(kek_path))
		return true;
	if (!derive(&want, flock, other, number, why))
		return false;
	same = secret_equal(&want, k1, sizeof(want));
	secret_wipe(&want, sizeof(want));
	if (same)
		return true;
	tree_ring_path(path, flock, other, number);
	return fault_set(why,
	    "%s: does not follow from the KEK; mend it with: reliquary-ambry renew %" PRIx64
	    " %02x",
	    path, flock.value, number);
}

bool
tree_read_ring(
    struct key_ring *ret, struct flock_id flock, struct flock_id other, struct fault *why)
{
	char path[TREE_PATH_MAX];

	tree_ring_folder(path, flock, other);
	if (!is_there(path))
		return no_ring(path, flock, other, why);

	for (unsigned n = KEK_NUMBER_MIN; n <= KEK_NUMBER_MAX; n++) {
		struct kek_unwrap_key *k1 = &ret->k1[n];

		tree_ring_path(path, flock, other, (uint8_t)n);
		if (!file_read_exact(k1->bytes, sizeof(k1->bytes), path, why) ||
		    !check(k1, flock, other, (uint8_t)n, why))
			return false;
	}
	return true;
}
