/* SPDX-License-Identifier: ISC */
#include "tests/support/scratch.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct scratch
scratch_make(void)
{
	struct scratch s = { "/tmp/reliquary-test.XXXXXX" };

	if (mkdtemp(s.path) == NULL)
		fail_msg("no folder for the test in /tmp");
	return s;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
scratch_remove(const struct scratch *s)
{
	if (nftw(s->path, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
		fail_msg("%s: cannot be removed", s->path);
}

struct scratch_name
scratch_name(const struct scratch *s, const char *name)
{
	struct scratch_name n;

	snprintf(n.path, sizeof(n.path), "%s/%s", s->path, name);
	return n;
}

struct scratch_name
scratch_write(const struct scratch *s, const char *name, const char *text)
{
	struct scratch_name n = scratch_name(s, name);
	FILE *file = fopen(n.path, "we");

	if (file == NULL || fputs(text, file) == EOF || fclose(file) == EOF)
		fail_msg("%s: cannot be written", n.path);
	return n;
}
