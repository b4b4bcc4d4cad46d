/* SPDX-License-Identifier: ISC */
#include "reliquary-api/commands/copies.h"

#include "base/file.h"
#include "reliquary-api/auth/token.h"
#include "reliquary-api/commands/office.h"
#include "reliquary-api/store/flocks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (16u << 20) /* twice the largest bundle */

bool
copies_name(char out[static CONF_TEXT_MAX], const char *path, const char *ending, struct fault *why)
{
	return snprintf(out, CONF_TEXT_MAX, "%s%s", path, ending) < CONF_TEXT_MAX ||
	       fault_set(why, "%s: the name is too long", path);
}

bool
copies_folder(const char *path, struct fault *why)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST ||
	       fault_set(why, "%s: %s", path, strerror(errno));
}

static bool
sync_folder(const char *path, struct fault *why)
{
	return file_sync(path) || fault_set(why, "%s: %s", path, strerror(errno));
}

enum put { PUT_DONE, PUT_MISSING, PUT_FAILED };

static enum put
put_copy(const char *from, const char *to, struct fault *why)
{
	uint8_t *data;
	size_t len;
	bool ok;

	if (!file_read(&data, &len, from, FILE_MAX, why))
		return PUT_FAILED;
	ok = file_create(to, 0600, data, len, why);
	free(data);
	return ok ? PUT_DONE : PUT_FAILED;
}

static bool
has_no_links(int error)
{
	return error == EPERM || error == EMLINK || error == EOPNOTSUPP;
}

static enum put
put_file(const char *from, const char *to, const char *name, struct fault *why)
{
	char old[CONF_TEXT_MAX + NAME_MAX + 2], new[CONF_TEXT_MAX + NAME_MAX + 2];

	snprintf(old, sizeof(old), "%s/%s", from, name);
	snprintf(new, sizeof(new), "%s/%s", to, name);
	if (access(new, F_OK) == 0 || link(old, new) == 0)
		return PUT_DONE;
	if (errno == ENOENT && access(old, F_OK) == -1)
		return PUT_MISSING;
	if (errno == EXDEV || has_no_links(errno))
		return put_copy(old, new, why);
	fault_set(why, "%s: %s", new, strerror(errno));
	return PUT_FAILED;
}

struct putting {
	const char *from, *to;
	struct copies_count *count;
	struct fault *why;
	bool ok;
};

static bool
put_bundle(void *arg, const struct bundle_row *b)
{
	struct putting *p = arg;
	enum put done = put_file(p->from, p->to, b->file, p->why);

	p->count->there += done == PUT_DONE;
	p->count->missing += done == PUT_MISSING;
	p->ok = done != PUT_FAILED;
	return p->ok;
}

bool
copies_put_bundles(struct session *s, const char *from, const char *to, struct copies_count *ret,
    struct fault *why)
{
	struct putting p = { .from = from, .to = to, .count = ret, .why = why, .ok = true };
	enum store_result result;

	*ret = (struct copies_count){ 0 };
	result = bundle_each(s, put_bundle, &p);
	if (!p.ok)
		return false;
	return office_result(result, "bundle", "bundles", why) && sync_folder(to, why);
}

/* Calls each() with the names of a folder's bundles, until it says false. */
static bool
each_name(
    const char *folder, bool (*each)(void *arg, const char *name), void *arg, struct fault *why)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;

	if (dir == NULL && errno == ENOENT)
		return true;
	if (dir == NULL)
		return fault_set(why, "%s: %s", folder, strerror(errno));
	while ((e = readdir(dir)) != NULL) {
		if (token_plausible(e->d_name, BUNDLE_FILE_NAME - 1) && !each(arg, e->d_name))
			break;
	}
	closedir(dir);
	return true;
}

static bool
put_name(void *arg, const char *name)
{
	struct putting *p = arg;

	p->ok = put_file(p->from, p->to, name, p->why) != PUT_FAILED;
	return p->ok;
}

bool
copies_put_folder(const char *from, const char *to, struct fault *why)
{
	struct putting p = { .from = from, .to = to, .why = why, .ok = true };

	return each_name(from, put_name, &p, why) && p.ok && sync_folder(to, why);
}

struct removing {
	struct session *session;
	const char *folder;
	struct fault *why;
	bool ok;
};

static bool
remove_other(void *arg, const char *name)
{
	char path[CONF_TEXT_MAX + NAME_MAX + 2];
	struct removing *r = arg;

	if (bundle_file_owned(r->session, name) != STORE_NONE)
		return true;
	snprintf(path, sizeof(path), "%s/%s", r->folder, name);
	r->ok = unlink(path) == 0 || fault_set(r->why, "%s: %s", path, strerror(errno));
	return r->ok;
}

bool
copies_remove_others(struct session *s, const char *folder, struct fault *why)
{
	struct removing r = { .session = s, .folder = folder, .why = why, .ok = true };

	return each_name(folder, remove_other, &r, why) && r.ok;
}

static bool
remove_bundle(void *arg, const char *name)
{
	char path[CONF_TEXT_MAX + NAME_MAX + 2];
	const char *folder = arg;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
	return true;
}

void
copies_remove_folder(const char *path)
{
	char folder[CONF_TEXT_MAX];
	struct fault ignored;

	if (copies_name(folder, path, "", &ignored) &&
	    each_name(folder, remove_bundle, folder, &ignored))
		rmdir(folder);
}

void
copies_remove_database(const char *path)
{
	static const char *const endings[] = { "", "-wal", "-shm", "-journal" };
	char file[CONF_TEXT_MAX];
	struct fault ignored;

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (copies_name(file, path, endings[i], &ignored))
			unlink(file);
	}
}

bool
copies_set_aside(const char *path, const char *aside, struct fault *why)
{
	if (link(path, aside) == 0)
		return true;
	if (has_no_links(errno))
		return copies_rename(path, aside, why);
	return fault_set(why, "%s: %s", aside, strerror(errno));
}

bool
copies_rename(const char *from, const char *to, struct fault *why)
{
	return (rename(from, to) == 0 && file_sync_name(to)) ||
	       fault_set(why, "%s: %s", to, strerror(errno));
}
