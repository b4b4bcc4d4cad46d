/* SPDX-License-Identifier: ISC */
/* The configuration of cathedral-sync (docs/man/cathedral-sync.conf.5). */
#ifndef CATHEDRAL_SYNC_CONF_H
#define CATHEDRAL_SYNC_CONF_H

#include "base/conf.h"
#include "base/log.h"

struct sync_conf {
	char api[CONF_TEXT_MAX];
	char token[CONF_TEXT_MAX];
	char ca[CONF_TEXT_MAX]; /* "": whom the system trusts */
	char pin[CONF_TEXT_MAX];
	char registry[CONF_TEXT_MAX];
	char registry_key[CONF_TEXT_MAX];
	char control[CONF_TEXT_MAX];
	char user[CONF_TEXT_MAX];
	bool sandbox;
	uint64_t wait_s, heartbeat_s;
	enum log_level log_level;
};

extern const struct conf_option sync_conf_table[];

/* False with file, line and keyword; *ret is of no use then. */
bool sync_conf_read(struct sync_conf *ret, const char *path, struct fault *why);
bool sync_conf_read_text(
    struct sync_conf *ret, const char *name, const char *text, struct fault *why);

/* Can tokens and secrets be read on their way to this service? */
bool sync_conf_is_plain(const struct sync_conf *c);

#endif
