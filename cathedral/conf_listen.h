/* SPDX-License-Identifier: ISC */
/* The lines of the configuration that make listeners. */
#ifndef CATHEDRAL_CONF_LISTEN_H
#define CATHEDRAL_CONF_LISTEN_H

#include "cathedral/conf.h"

/* The parsers of "listen", "local", "shroud" and "cathedral_ip" (struct conf_option). */
bool conf_parse_listen(void *conf, char *const *words, size_t count, struct fault *why);
bool conf_parse_local(void *conf, char *const *words, size_t count, struct fault *why);
bool conf_parse_shroud(void *conf, char *const *words, size_t count, struct fault *why);
bool conf_parse_ip(void *conf, char *const *words, size_t count, struct fault *why);

/* When all lines were read: completes the listener of "local" and checks them all. */
bool conf_finish_listeners(struct conf *c, struct fault *why);

#endif
