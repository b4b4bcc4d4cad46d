/* SPDX-License-Identifier: ISC */
/*
 * Two cathedrals of our own that federate, in a temporary folder: "near", which others take over
 * from, and "far", which is one process all the time.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_SOAK_SITE_H
#define TOOLS_CATHEDRAL_LOAD_SOAK_SITE_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "base/random.h"
#include "tools/cathedral-load/roster.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SITE_PATH 80 /* a control socket's path has to fit 108 bytes */

enum soak_post_name { POST_NEAR, POST_FAR, POSTS };

struct soak_post {
	const char *name;
	char folder[SITE_PATH + 8], control[SITE_PATH + 16];
	struct endpoint shroud_at, clear_at;
	pid_t pid; /* 0: none runs */
	uint64_t reloads, takeovers;
};

struct soak_site {
	char folder[SITE_PATH];
	const char *program;
	struct soak_post posts[POSTS];
};

struct soak_wish {
	const char *program, *user; /* user: whom they become; NULL: nobody else */
	uint64_t workers;
	const struct roster *roster;
	struct endpoint seen[POSTS]; /* where far is for near, and near for far */
};

/* Makes the folder and starts both.  On failure soak_site_close() it as well. */
bool soak_site_open(
    struct soak_site *s, const struct soak_wish *wish, struct random *random, struct fault *why);

/* A flock in ten is told anew, with a device more or less; by turns it is told so or finds out. */
bool soak_site_reload(struct soak_site *s, enum soak_post_name n, const struct roster *r,
    struct random *random, struct fault *why);

/* Another process takes over, and the one before ends. */
bool soak_site_take_over(struct soak_site *s, enum soak_post_name n, struct fault *why);

/* Both still run; false with the reason. */
bool soak_site_lives(const struct soak_site *s, struct fault *why);

/* Ends both; true when they ended as they should.  Fine when they were never started. */
bool soak_site_end(struct soak_site *s, struct fault *why);

/* Removes the folder with all that is in it. */
void soak_site_remove(struct soak_site *s);

#endif
