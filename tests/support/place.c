/* SPDX-License-Identifier: ISC */
#include "tests/support/place.h"

#include "base/file.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct scratch_name
place_name(const struct place *p, const char *format, ...)
{
	char name[128];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	return scratch_name(&p->dir, name);
}

void
place_write(struct scratch_name name, const void *data, size_t len)
{
	FILE *file = fopen(name.path, "we");

	if (file == NULL || fwrite(data, 1, len, file) != len || fclose(file) == EOF)
		fail_msg("%s: cannot be written", name.path);
}

void
place_write_keys(const struct place *p, struct flock_id flock, const struct member *m)
{
	struct scratch_name dir = place_name(p, "secrets/flock-%" PRIx64, flock.value);
	struct fault why;

	assert_true(file_make_folder(dir.path, 0700, &why));
	place_write(
	    place_name(p, "secrets/flock-%" PRIx64 "/%08" PRIx32 ".key", flock.value, m->id.value),
	    &m->keys.cs, 32);
	place_write(
	    place_name(p, "secrets/flock-%" PRIx64 "/%08" PRIx32 ".pub", flock.value, m->id.value),
	    &m->public, 32);
}

void
place_write_bundle(const struct place *p, const char *name, const struct bundle_plan *plan)
{
	size_t len;
	uint8_t *bytes = bundle_write(plan, &len);

	place_write(place_name(p, "%s", name), bytes, len);
	free(bytes);
}

void
place_say(const struct place *p, const char *settings)
{
	place_write(p->settings, settings, strlen(settings));
}

void
place_make(struct place *p, struct random *r)
{
	p->dir = scratch_make();
	p->settings = place_name(p, "settings");
	p->secrets = place_name(p, "secrets");
	p->federation = place_name(p, "federation.key");
	p->source =
	    (struct registry_source){ .settings = p->settings.path, .secretdir = p->secrets.path };
	for (uint32_t id = 1; id <= 2; id++) {
		struct member m = member_make(id, (uint8_t)id, 0, r);

		place_write_keys(p, (struct flock_id){ PLACE_A }, &m);
		m = member_make(id, (uint8_t)id, 0, r);
		place_write_keys(p, (struct flock_id){ PLACE_B }, &m);
	}
}

void
place_remove(struct place *p)
{
	scratch_remove(&p->dir);
}

struct registry *
place_load(const struct place *p, const struct registry *old)
{
	struct fault why = { "" };
	struct registry *r = registry_load(&p->source, old, &why);

	if (r == NULL)
		fail_msg("%s", why.text);
	return r;
}

void
place_expect_fault(const struct place *p, const struct registry *old, const char *want)
{
	struct fault why = { "" };
	char text[2048], *at = text;

	for (; *want != '\0'; want++) {
		if (*want == '@')
			at += sprintf(at, "%s", p->dir.path);
		else
			*at++ = *want;
	}
	*at = '\0';
	assert_null(registry_load(&p->source, old, &why));
	assert_string_equal(why.text, text);
}
