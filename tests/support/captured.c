/* SPDX-License-Identifier: ISC */
#include "tests/support/captured.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void
captured_begin(struct captured *c)
{
	fflush(stderr);
	c->saved = dup(STDERR_FILENO);
	c->file = memfd_create("captured", MFD_CLOEXEC);
	assert_true(c->saved != -1 && c->file != -1);
	assert_true(dup2(c->file, STDERR_FILENO) != -1);
}

char *
captured_text(const struct captured *c)
{
	struct stat st;
	char *text;

	assert_int_equal(fstat(c->file, &st), 0);
	text = malloc((size_t)st.st_size + 1);
	assert_non_null(text);
	assert_int_equal(pread(c->file, text, (size_t)st.st_size, 0), st.st_size);
	text[st.st_size] = '\0';
	return text;
}

void
captured_end(struct captured *c)
{
	fflush(stderr);
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	close(c->file);
}
