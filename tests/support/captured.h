/* SPDX-License-Identifier: ISC */
/* What all threads of this process write to standard error meanwhile. */
#ifndef TESTS_SUPPORT_CAPTURED_H
#define TESTS_SUPPORT_CAPTURED_H

struct captured {
	int saved, file;
};

void captured_begin(struct captured *c);

/* What was written so far; the caller frees it. */
char *captured_text(const struct captured *c);

/* Standard error is what it was before. */
void captured_end(struct captured *c);

#endif
