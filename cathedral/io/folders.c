/* SPDX-License-Identifier: ISC */
#include "cathedral/io/folders.h"

#include "base/file.h"
#include "protocol/wire/settings.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SETTINGS_BYTES_MAX (256u << 20)

static void
widen(struct folder *f)
{
	free(f->name);
	free(f->prefix);
	f->name = f->prefix = NULL;
}

static bool
same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Notes a folder; when two different things in it matter, everything in it does. */
static bool
add(struct folders *f, const char *path, const char *name, const char *prefix)
{
	struct folder new = { 0 };

	for (size_t i = 0; i < f->count; i++) {
		if (strcmp(f->list[i].path, path) != 0)
			continue;
		if (!same(f->list[i].name, name) || !same(f->list[i].prefix, prefix))
			widen(&f->list[i]);
		return true;
	}
	if (f->count == f->max) {
		f->all = false;
		return true;
	}
	new.path = strdup(path);
	new.name = name == NULL ? NULL : strdup(name);
	new.prefix = prefix == NULL ? NULL : strdup(prefix);
	f->list[f->count++] = new;
	return new.path != NULL && (name == NULL || new.name != NULL) &&
	       (prefix == NULL || new.prefix != NULL);
}

/* The folder of one file; path is cut up and put together again. */
static bool
add_folder_of(struct folders *f, char *path)
{
	char *slash = strrchr(path, '/');
	bool ok;

	if (slash == NULL)
		return add(f, ".", path, NULL);
	if (slash == path)
		return add(f, "/", path + 1, NULL);
	*slash = '\0';
	ok = add(f, path, slash + 1, NULL);
	*slash = '/';
	return ok;
}

/* A file, and what it points to when it is a symbolic link. */
static bool
add_file(struct folders *f, const char *path)
{
	char own[PATH_MAX], target[PATH_MAX];
	struct stat st;

	if (snprintf(own, sizeof(own), "%s", path) >= (int)sizeof(own))
		return true; /* no such file can be read either */
	if (!add_folder_of(f, own))
		return false;
	if (lstat(path, &st) == -1 || !S_ISLNK(st.st_mode) || realpath(path, target) == NULL)
		return true;
	return add_folder_of(f, target);
}

/* As the settings name it: relative to their own folder. */
static bool
add_bundle(struct folders *f, const char *settings, const char *name)
{
	char path[PATH_MAX];
	const char *slash = strrchr(settings, '/');
	int folder = slash == NULL || name[0] == '/' ? 0 : (int)(slash - settings + 1);

	if (name[0] == '\0')
		return true;
	if (snprintf(path, sizeof(path), "%.*s%s", folder, settings, name) >= (int)sizeof(path))
		return true;
	return add_file(f, path);
}

static bool
add_flock(struct folders *f, const char *secretdir, const struct settings_flock *flock)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/flock-%" PRIx64, secretdir, flock->id.value) >=
	    (int)sizeof(path))
		return true;
	return add(f, path, NULL, NULL);
}

/* Once there is no room for more, searching on would only take time. */
static bool
add_named(struct folders *f, const struct settings *s, const char *settings, const char *secretdir)
{
	bool ok = true;

	for (size_t i = 0; ok && f->all && i < s->flock_count; i++)
		ok = add_bundle(f, settings, s->flocks[i].ambry);
	for (size_t i = 0; ok && f->all && i < s->xflock_count; i++)
		ok = add_bundle(f, settings, s->xflocks[i].ambry);
	for (size_t i = 0; ok && f->all && i < s->flock_count; i++)
		ok = add_flock(f, secretdir, &s->flocks[i]);
	return ok;
}

static bool
settings_read(struct settings *ret, const char *path)
{
	struct fault ignored; /* whoever loads them reports it */
	uint8_t *text;
	size_t len;
	bool ok;

	if (!file_read(&text, &len, path, SETTINGS_BYTES_MAX, &ignored))
		return false;
	ok = settings_parse(ret, (const char *)text, len, &ignored);
	free(text);
	return ok;
}

bool
folders_find(struct folders *f, const char *settings, const char *federation, const char *secretdir,
    size_t max)
{
	struct settings s;
	bool ok;

	*f = (struct folders){ .max = max, .all = true };
	f->list = calloc(max, sizeof(*f->list));
	if (f->list == NULL)
		return false;
	ok = add_file(f, settings) && (federation == NULL || add_file(f, federation)) &&
	     add(f, secretdir, NULL, "flock-");
	if (ok && settings_read(&s, settings)) {
		ok = add_named(f, &s, settings, secretdir);
		settings_free(&s);
	}
	if (!ok)
		folders_free(f);
	return ok;
}

void
folders_free(struct folders *f)
{
	for (size_t i = 0; i < f->count; i++) {
		widen(&f->list[i]);
		free(f->list[i].path);
	}
	free(f->list);
	memset(f, 0, sizeof(*f));
}

bool
folder_matters(const struct folder *f, const char *name)
{
	if (f->name != NULL)
		return strcmp(f->name, name) == 0;
	return f->prefix == NULL || strncmp(f->prefix, name, strlen(f->prefix)) == 0;
}
