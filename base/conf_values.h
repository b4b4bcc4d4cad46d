/* SPDX-License-Identifier: ISC */
/* Single values of a configuration, from their words. */
#ifndef BASE_CONF_VALUES_H
#define BASE_CONF_VALUES_H

#include "base/conf.h"

#define CONF_SCALED 24

/* Relative paths get the folder, which ends with a slash or is empty, in front. */
bool conf_set_value(void *field, const struct conf_option *option, const char *folder,
    const char *word, struct fault *why);

/* A CONF_TIME or CONF_SIZE in its largest whole unit: "30d", "64M".  Returns out. */
const char *conf_format_scaled(char out[static CONF_SCALED], enum conf_type type, uint64_t value);

#endif
