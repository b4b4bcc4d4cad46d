/* SPDX-License-Identifier: ISC */
#include "tools/reliquary-ambry/renew.h"

#include "base/file.h"
#include "base/hex.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"
#include "tools/reliquary-ambry/tree.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_MAX 9999

/* Folders of 16 hexadecimal digits: the flocks that keys were exported to. */
static bool
find_others(struct renewal *ret, struct flock_id flock, struct fault *why)
{
	char path[TREE_PATH_MAX];
	struct dirent *entry;
	DIR *folder;
	uint64_t other;

	snprintf(path, sizeof(path), "%016" PRIx64 "/external", flock.value);
	folder = opendir(path);
	if (folder == NULL)
		return errno == ENOENT || fault_set(why, "%s: %s", path, strerror(errno));

	while ((entry = readdir(folder)) != NULL) {
		if (strlen(entry->d_name) != 16 || !hex_u64(&other, entry->d_name, UINT64_MAX))
			continue;
		if (ret->other_count == RENEW_OTHERS_MAX) {
			closedir(folder);
			return fault_set(why, "%s: more than %d flocks", path, RENEW_OTHERS_MAX);
		}
		ret->others[ret->other_count++] = (struct flock_id){ other };
	}
	closedir(folder);
	return true;
}

/* One file to be replaced: the KEK itself, or the k1 toward one flock. */
struct place {
	struct flock_id flock;
	const struct flock_id *other; /* NULL: the KEK */
	uint8_t number;
};

static void
place_path(const struct place *p, char path[static TREE_PATH_MAX])
{
	if (p->other == NULL)
		tree_kek_path(path, p->flock, p->number);
	else
		tree_ring_path(path, p->flock, *p->other, p->number);
}

/* Whether nothing was put aside there under this number yet. */
static bool
old_is_free(const struct place *p, unsigned old)
{
	char path[TREE_PATH_MAX], aside[TREE_PATH_MAX + 16];
	struct stat st;

	place_path(p, path);
	snprintf(aside, sizeof(aside), "%s.old-%u", path, old);
	return lstat(aside, &st) == -1;
}

/* The old key gets its second name before the new one takes the first: it is never without. */
static bool
replace(const struct place *p, unsigned old, const uint8_t key[static 32], struct fault *why)
{
	char path[TREE_PATH_MAX], aside[TREE_PATH_MAX + 16];

	place_path(p, path);
	snprintf(aside, sizeof(aside), "%s.old-%u", path, old);
	/* A KEK may have been moved to its device for good. */
	if (link(path, aside) == -1 && errno != ENOENT)
		return fault_set(why, "%s: %s", aside, strerror(errno));
	return file_replace(path, 0400, key, 32, why);
}

static bool
replace_derived(const struct place *p, unsigned old, const struct kek *kek, struct fault *why)
{
	struct kek_unwrap_key k1;
	bool ok;

	kek_unwrap_key_derive(&k1, kek, p->flock, *p->other);
	ok = replace(p, old, k1.bytes, why);
	secret_wipe(&k1, sizeof(k1));
	return ok;
}

/* The lowest number that is free in every place. */
static bool
find_old(struct renewal *ret, const struct place *kek, struct fault *why)
{
	for (ret->old = 1; ret->old <= OLD_MAX; ret->old++) {
		struct place own = { kek->flock, &kek->flock, kek->number };
		bool is_free = old_is_free(kek, ret->old) && old_is_free(&own, ret->old);

		for (size_t i = 0; is_free && i < ret->other_count; i++) {
			struct place other = { kek->flock, &ret->others[i], kek->number };

			is_free = old_is_free(&other, ret->old);
		}
		if (is_free)
			return true;
	}
	return fault_set(why, "more than %d old keys of this number", OLD_MAX);
}

bool
kek_renew(
    struct renewal *ret, struct flock_id flock, uint8_t number, struct random *r, struct fault *why)
{
	struct place place = { .flock = flock, .number = number };
	struct kek kek;
	bool ok;

	ret->other_count = 0;
	if (!tree_has_keks(flock, why) || !find_others(ret, flock, why) ||
	    !find_old(ret, &place, why))
		return false;

	random_bytes(r, kek.bytes, sizeof(kek.bytes));
	ok = replace(&place, ret->old, kek.bytes, why);
	place.other = &flock;
	ok = ok && replace_derived(&place, ret->old, &kek, why);
	for (size_t i = 0; ok && i < ret->other_count; i++) {
		place.other = &ret->others[i];
		ok = replace_derived(&place, ret->old, &kek, why);
	}
	secret_wipe(&kek, sizeof(kek));
	return ok;
}
