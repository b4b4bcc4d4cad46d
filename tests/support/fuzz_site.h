/* SPDX-License-Identifier: ISC */
/*
 * One small cathedral for a fuzz target: five devices of two flocks, a stranger or two and another
 * cathedral, put back to its beginning for every input.  What must hold of all it sends is expected
 * after every batch.  There is one, which is made when it is first asked for.
 */
#ifndef TESTS_SUPPORT_FUZZ_SITE_H
#define TESTS_SUPPORT_FUZZ_SITE_H

#include "tests/support/world.h"

#define FUZZ_PER_DEVICE 3 /* the quotas */
#define FUZZ_MEMBERS    4 /* of the first flock; one more is in the second */
#define FUZZ_DEVICES    (FUZZ_MEMBERS + 1)
#define FUZZ_KEPT       8 /* packets that are kept to come again */

/* Where packets come from: places 0 to 4 are the devices' own. */
enum { FUZZ_STRANGER = FUZZ_DEVICES, FUZZ_STRANGER_IPV6, FUZZ_OTHER_CATHEDRAL, FUZZ_PLACES };

/* A device as it talks to its own flock or to the other. */
enum { FUZZ_WITHIN = 0, FUZZ_BETWEEN, FUZZ_PARTNERS };

/* All; another bundle; one device less; its number another's and no pair of flocks. */
#define FUZZ_VARIANTS 4

struct fuzz_place {
	struct endpoint at;
	bool heard; /* an accepted offer came from here */
	bool whole; /* more than one, or a tunnel began here: answers are not limited */
	uint64_t received, answered;
	bool sent_any; /* in this batch */
	uint64_t sent; /* in this batch, of the cathedral's own */
};

struct fuzz_variant {
	struct registry_flock *flocks[2];
	struct registry_xflock *pair; /* or NULL */
	const uint8_t *ambries[3]; /* so that they are seen from here: flocks are secret memory */
};

/* Which entry an offer is about, if it is one. */
struct fuzz_about {
	enum { FUZZ_NOTHING = 0, FUZZ_TUNNEL, FUZZ_LITURGY } what;
	struct tunnel_key key;
	struct device_id device;
	uint8_t number;
	bool signalling;
};

struct fuzz_packet {
	struct fuzz_about about;
	struct endpoint from;
	uint8_t listener;
	bool nat_port;
	size_t len;
	uint8_t bytes[DEVICE_PACKET_MAX];
};

struct fuzz_site {
	struct sender sender; /* first: what is sent comes here */
	struct world *w;
	struct world_cathedral *c;
	struct device devices[FUZZ_DEVICES][FUZZ_PARTNERS][2]; /* shrouded, then clear */
	struct fuzz_variant variants[FUZZ_VARIANTS];

	struct random random;
	struct fuzz_place places[FUZZ_PLACES];
	struct fuzz_packet kept[FUZZ_KEPT];
	size_t kept_next;
	struct fuzz_packet last; /* put into the batch */
	size_t waiting;          /* packets of the batch that is collected */
	uint64_t taken;
};

/* As it was before any input. */
struct fuzz_site *fuzz_site_begin(void);

struct instant fuzz_site_now(const struct fuzz_site *f);

/* The caller fills it; it is kept, in the place of the oldest. */
struct fuzz_packet *fuzz_site_keep(struct fuzz_site *f);

/* A packet for the batch; unless it waits for others, the batch is run. */
void fuzz_site_put(struct fuzz_site *f, const struct fuzz_packet *packet, bool wait);

void fuzz_site_flush(struct fuzz_site *f); /* runs the batch */
void fuzz_site_scan(struct fuzz_site *f);  /* lets the scanner do what was left to it */
/* What waits in the pipelines may go, and a hello. */
void fuzz_site_tick(struct fuzz_site *f);

void fuzz_site_publish(struct fuzz_site *f, unsigned variant);

/* Everything expires, and all quotas are whole. */
void fuzz_site_end(struct fuzz_site *f);

#endif
