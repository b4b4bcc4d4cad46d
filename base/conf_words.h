/* SPDX-License-Identifier: ISC */
/* Lines of a configuration, taken apart. */
#ifndef BASE_CONF_WORDS_H
#define BASE_CONF_WORDS_H

#include "base/conf.h"

/*
 * Cuts line, in place, into words separated by blanks, the first one a keyword; one in double
 * quotes may hold blanks, and '#' begins a comment.  False with *count words before the wrong one.
 */
bool conf_split(
    char *line, char *words[static CONF_WORDS_MAX + 1], size_t *count, struct fault *why);

#endif
