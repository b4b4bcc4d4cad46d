/* SPDX-License-Identifier: ISC */
/* What sync.c, sync_feed.c and sync_beat.c share. */
#ifndef CATHEDRAL_SYNC_SYNC_PARTS_H
#define CATHEDRAL_SYNC_SYNC_PARTS_H

#include "base/clock.h"
#include "registry/registry_db.h"
#include "tools/cathedral-sync/beat.h"
#include "tools/cathedral-sync/complaint.h"
#include "tools/cathedral-sync/conf.h"
#include "tools/cathedral-sync/credentials.h"
#include "tools/cathedral-sync/fetch.h"
#include "tools/cathedral-sync/inquiry.h"
#include "tools/cathedral-sync/status.h"
#include "tools/cathedral-sync/trail.h"

#define SYNC_DETAIL 160

struct sync {
	const struct sync_conf *conf;
	struct random random;
	struct credentials credentials;
	struct registry_db *db;
	struct registry_db_state held;
	dev_t device; /* of its file, and which one it is there */
	ino_t inode;
	char status_path[CONF_TEXT_MAX + 16], refused_path[CONF_TEXT_MAX + 16];
	struct fetch_hub *hub;
	struct fetch *feed, *beat;
	struct trail trail;
	struct taken taken;
	struct inquiry reload, pulse;
	char beat_body[BEAT_BODY_MAX];
	uint64_t beat_due_ns;
	struct complaint feed_trouble, beat_trouble, cathedral_trouble, reload_trouble,
	    status_trouble, registry_trouble;
	struct log_limit page_lines;
	struct status status;
	uint64_t watchdog_ns, watchdog_due_ns;
	int signals; /* a descriptor */
	bool ends;
};

/* Each does what is to be done now, if anything is. */
void sync_feed_turn(struct sync *s, struct instant now);
void sync_reload_turn(struct sync *s, struct instant now);
void sync_beat_turn(struct sync *s, struct instant now);

/* Puts down where the registry is. */
bool sync_look(struct sync *s, struct fault *why);

/* ": what the service says about it", or nothing. */
const char *sync_detail(const struct fetch_answer *a, char text[static SYNC_DETAIL]);

#endif
