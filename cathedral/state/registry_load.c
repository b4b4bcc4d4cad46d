/* SPDX-License-Identifier: ISC */
/* A registry from a settings file, a folder of secrets and the bundles that the settings name. */
#include "cathedral/state/registry.h"

#include "base/clock.h"
#include "base/file.h"
#include "protocol/crypto/secret.h"

#include <errno.h>
#include <inttypes.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SETTINGS_SIZE_MAX (256u << 20)
#define PATH_SIZE         4096

/* A file that changed this recently may change again without its times showing it. */
#define UNSURE_S 2

struct load {
	const struct registry_source *source;
	const struct registry *old;
	struct settings settings;
	struct registry_parts parts;
	struct fault *why;
};

/*
 * A bundle's path as the settings name it, relative to the folder of the settings file.  Returns
 * out, of PATH_SIZE bytes.
 */
static const char *
bundle_path(const struct load *l, const char *name, char *out)
{
	const char *settings = l->source->settings;
	const char *slash = strrchr(settings, '/');
	int folder = slash == NULL || name[0] == '/' ? 0 : (int)(slash - settings + 1);

	snprintf(out, PATH_SIZE, "%.*s%s", folder, settings, name);
	return out;
}

/* As a mark it may wrap: files may bear any date. */
static int64_t
timespec_ns(struct timespec t)
{
	return (int64_t)((uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec);
}

static bool
file_mark(struct file_mark *ret, const char *path, struct fault *why)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return fault_set(why, "%s: %s", path, strerror(errno));
	*ret = (struct file_mark){
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns = timespec_ns(st.st_mtim),
		.ctime_ns = timespec_ns(st.st_ctim),
	};
	return true;
}

static bool
same_mark(const struct file_mark *a, const struct file_mark *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Reads a bundle whole, and what marks the file that it was. */
static bool
read_bundle(
    const char *path, uint8_t **bytes, size_t *len, struct file_mark *mark, struct fault *why)
{
	struct file_mark after;

	if (!file_mark(mark, path, why) ||
	    !file_read(bytes, len, path, BUNDLE_TWO_FLOCKS_SIZE + 1, why))
		return false;
	if (!file_mark(&after, path, why) || !same_mark(mark, &after)) {
		free(*bytes);
		return fault_set(why, "%s: changed while it was read", path);
	}
	if (mark->ctime_ns > (clock_now().wall_s - UNSURE_S) * (int64_t)NS_PER_S)
		mark->ctime_ns = 0;
	return true;
}

/* ---- flocks ---- */

static bool
read_device(const struct load *l, const struct settings_flock *f, const struct settings_device *d,
    struct registry_spec_device *ret)
{
	char path[PATH_SIZE];
	const char *dir = l->source->secretdir;

	ret->id = d->id;
	ret->kek_number = d->kek_number;
	ret->mbit = d->mbit;
	snprintf(path, sizeof(path), "%s/flock-%" PRIx64 "/%08" PRIx32 ".key", dir, f->id.value,
	    d->id.value);
	if (!file_read_exact(ret->cs.bytes, sizeof(ret->cs.bytes), path, l->why))
		return fault_prefix(l->why, "line %u", d->line);
	snprintf(path, sizeof(path), "%s/flock-%" PRIx64 "/%08" PRIx32 ".pub", dir, f->id.value,
	    d->id.value);
	if (!file_read_exact(ret->cosk.bytes, sizeof(ret->cosk.bytes), path, l->why))
		return fault_prefix(l->why, "line %u", d->line);
	return true;
}

/* Whether what is kept of a bundle is what the file of that name (empty: none) holds now. */
static bool
same_ambries(const struct load *l, const struct registry_ambries *kept, const char *name)
{
	char path[PATH_SIZE];
	struct file_mark mark;
	struct fault ignored;

	if (name[0] == '\0' || !kept->present)
		return name[0] == '\0' && !kept->present;
	bundle_path(l, name, path);
	/* The same file by another name: what is not in memory is read by that name from now on. */
	return kept->file != NULL && strcmp(kept->file->path, path) == 0 &&
	       file_mark(&mark, path, &ignored) && same_mark(&mark, &kept->file->mark);
}

static bool
flock_ambries(const struct load *l, const struct settings_flock *from, struct registry_flock *f)
{
	char path[PATH_SIZE];
	struct file_mark mark;
	uint8_t *bytes;
	size_t len;
	bool ok;

	if (from->ambry[0] == '\0')
		return true;
	bundle_path(l, from->ambry, path);
	if (!read_bundle(path, &bytes, &len, &mark, l->why))
		return fault_prefix(l->why, "line %u", from->ambry_line);
	ok = registry_flock_set_ambries(f, bytes, len, l->why);
	free(bytes);
	if (ok)
		registry_ambries_on_disk(&f->ambries, path, &mark);
	return ok || (fault_prefix(l->why, "line %u: %s", from->ambry_line, path), false);
}

static struct registry_flock *
flock_from(const struct load *l, const struct settings_flock *from)
{
	size_t size = (from->device_count + 1) * sizeof(struct registry_spec_device);
	struct registry_spec_device *specs = secret_alloc(size);
	struct registry_flock *f = NULL;
	bool ok = specs != NULL;

	if (!ok)
		fault_set(l->why, "out of memory");
	for (size_t n = 0; ok && n < from->device_count; n++)
		ok = read_device(l, from, &from->devices[n], &specs[n]);
	if (ok) {
		f = registry_flock_create(from->id, specs, from->device_count);
		if (f == NULL)
			fault_set(l->why, "line %u: flock cannot be made", from->line);
	}
	secret_free(specs, size);
	return f;
}

/* The old flock again when nothing about it changed, else a new one. */
static bool
load_flock(struct load *l, const struct settings_flock *from)
{
	struct registry_flock *f = flock_from(l, from);
	struct registry_flock *old = NULL;

	registry_source_alive(l->source);
	if (f == NULL)
		return false;
	if (l->old != NULL)
		old = registry_flock_find(l->old, from->id);
	if (old != NULL && registry_flock_same_devices(old, f) &&
	    same_ambries(l, &old->ambries, from->ambry)) {
		registry_flock_release(f);
		f = old;
		f->references++;
	} else if (!flock_ambries(l, from, f)) {
		registry_flock_release(f);
		return false;
	}
	l->parts.flocks[l->parts.flock_count++] = f;
	return true;
}

/* ---- pairs of flocks ---- */

static int
by_flock_id(const void *a, const void *b)
{
	const struct registry_flock *const *x = a, *const *y = b;

	return ((*x)->id.value > (*y)->id.value) - ((*x)->id.value < (*y)->id.value);
}

static struct registry_flock *
loaded_flock(const struct load *l, struct flock_id id)
{
	struct registry_flock key = { .id = flock_base(id) }, *at = &key, **found;

	found = bsearch(&at, l->parts.flocks, l->parts.flock_count, sizeof(at), by_flock_id);
	return found == NULL ? NULL : *found;
}

static struct registry_xflock *
xflock_from(const struct load *l, const struct settings_xflock *from)
{
	struct registry_flock *a = loaded_flock(l, from->a), *b = loaded_flock(l, from->b);
	struct registry_xflock *x = NULL;
	char path[PATH_SIZE];
	struct file_mark mark;
	uint8_t *bytes;
	size_t len;
	bool ok;

	if (a != NULL && b != NULL)
		x = registry_xflock_create(a, b);
	if (x == NULL) {
		fault_set(l->why, "line %u: xflock cannot be made", from->line);
		return NULL;
	}
	bundle_path(l, from->ambry, path);
	ok = read_bundle(path, &bytes, &len, &mark, l->why);
	if (ok) {
		ok = registry_xflock_set_ambries(x, bytes, len, l->why);
		free(bytes);
		if (ok)
			registry_ambries_on_disk(&x->ambries, path, &mark);
		else
			fault_prefix(l->why, "%s", path);
	}
	if (!ok) {
		fault_prefix(l->why, "line %u", from->line);
		registry_xflock_release(x);
		return NULL;
	}
	return x;
}

static bool
load_xflock(struct load *l, const struct settings_xflock *from)
{
	struct registry_xflock *x = NULL;

	registry_source_alive(l->source);
	if (l->old != NULL)
		x = registry_xflock_find(l->old, from->a, from->b);
	/* Its shrouds and its slice are made from both flocks: they must be the same ones. */
	if (x != NULL && x->a == loaded_flock(l, x->a->id) && x->b == loaded_flock(l, x->b->id) &&
	    same_ambries(l, &x->ambries, from->ambry))
		x->references++;
	else
		x = xflock_from(l, from);
	if (x == NULL)
		return false;
	l->parts.xflocks[l->parts.xflock_count++] = x;
	return true;
}

/* ---- the whole ---- */

static bool
load_settings(struct load *l)
{
	uint8_t *text;
	size_t len;
	bool ok;

	if (!file_read(&text, &len, l->source->settings, SETTINGS_SIZE_MAX, l->why))
		return false;
	ok = settings_parse(&l->settings, (const char *)text, len, l->why);
	free(text);
	return ok || (fault_prefix(l->why, "%s", l->source->settings), false);
}

/* One settings file may serve all cathedrals of a federation: nobody is his own peer. */
static void
drop_own(struct load *l)
{
	struct settings *s = &l->settings;
	size_t kept = 0;

	for (size_t n = 0; n < s->peer_count; n++) {
		if (!registry_source_is_own(l->source, &s->peers[n].at))
			s->peers[kept++] = s->peers[n];
	}
	s->peer_count = kept;
}

static bool
load_parts(struct load *l)
{
	const struct settings *s = &l->settings;
	bool ok = true;

	l->parts.flocks = calloc(s->flock_count + 1, sizeof(l->parts.flocks[0]));
	l->parts.xflocks = calloc(s->xflock_count + 1, sizeof(l->parts.xflocks[0]));
	if (l->parts.flocks == NULL || l->parts.xflocks == NULL)
		return fault_set(l->why, "out of memory");
	for (size_t n = 0; ok && n < s->flock_count; n++)
		ok = load_flock(l, &s->flocks[n]);
	if (ok)
		qsort(
		    l->parts.flocks, l->parts.flock_count, sizeof(l->parts.flocks[0]), by_flock_id);
	for (size_t n = 0; ok && n < s->xflock_count; n++)
		ok = load_xflock(l, &s->xflocks[n]);
	if (!ok) {
		fault_prefix(l->why, "%s", l->source->settings);
		return false;
	}
	drop_own(l);
	l->parts.peers = s->peers;
	l->parts.peer_count = s->peer_count;
	return true;
}

static struct registry *
load_whole(struct load *l)
{
	struct federation_secret secret;
	struct registry *r;

	if (l->source->federation != NULL) {
		if (!file_read_exact(&secret, sizeof(secret), l->source->federation, l->why))
			return NULL;
		l->parts.secret = &secret;
	} else if (l->settings.peer_count > 0) {
		fault_set(l->why, "%s: line %u: federate needs a federation secret",
		    l->source->settings, l->settings.peers[0].line);
		return NULL;
	}
	r = registry_create(&l->parts, l->old);
	/* It took them over, come what may. */
	l->parts.flock_count = l->parts.xflock_count = 0;
	secret_wipe(&secret, sizeof(secret));
	if (r == NULL)
		fault_set(l->why, "out of memory");
	return r;
}

struct registry *
registry_load(const struct registry_source *source, const struct registry *old, struct fault *why)
{
	struct load l = { .source = source, .old = old, .why = why, .parts.hash = source->hash };
	struct registry *r = NULL;

	if (!load_settings(&l))
		return NULL;
	if (load_parts(&l))
		r = load_whole(&l);
	for (size_t n = 0; n < l.parts.xflock_count; n++)
		registry_xflock_release(l.parts.xflocks[n]);
	for (size_t n = 0; n < l.parts.flock_count; n++)
		registry_flock_release(l.parts.flocks[n]);
	free(l.parts.flocks);
	free(l.parts.xflocks);
	settings_free(&l.settings);
#ifdef __GLIBC__
	malloc_trim(0); /* bundles are read whole, by megabytes, of which hardly anything is kept */
#endif
	return r;
}
