/* SPDX-License-Identifier: ISC */
/* Why something that a person asked for was refused, in words for that person. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

struct fault {
	char text[320];
};

/* Writes the sentence (cut if too long) and returns false, so that callers can return it. */
bool fault_set(struct fault *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " in front of what is there already. */
bool fault_prefix(struct fault *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
