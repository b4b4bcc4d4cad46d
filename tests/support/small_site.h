/* SPDX-License-Identifier: ISC */
/*
 * A site without files, threads or sockets, as reports see it: flock cafeba00 with two devices,
 * flock aaaaaa00 with one, another cathedral, and as many tunnels as a test wants.
 */
#ifndef TESTS_SUPPORT_SMALL_SITE_H
#define TESTS_SUPPORT_SMALL_SITE_H

#include "base/random.h"
#include "cathedral/ops/overview.h"
#include "cathedral/relay/site.h"

#define SMALL_SITE_WORKERS 2

struct small_site {
	struct random random;
	struct site *site;
	struct stats *stats;
	struct overview_reload reload;
	struct overview_succession succession; /* seven hand-overs, and a state file */
	struct overview overview;
};

void small_site_open(struct small_site *s);
void small_site_close(struct small_site *s);

/* Device 0badf00d (number ca) of cafeba00, in this domain, heard of at 192.0.2.1:1000. */
void small_site_add_tunnel(struct small_site *s, uint8_t domain, uint8_t peer_number);

/* Bytes a month, for the host and each flock; flock cafeba00 has sent so many in this one. */
void small_site_add_budget(struct small_site *s, uint64_t host, uint64_t flock, uint64_t sent);

/* A presence entry of the same device in group 77. */
void small_site_add_liturgy(struct small_site *s);

#endif
