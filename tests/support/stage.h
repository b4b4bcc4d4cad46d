/* SPDX-License-Identifier: ISC */
/*
 * One cathedral without sockets or threads: packets are given to its pipeline, what it would send
 * lies on a tray.  Three devices of flock a (numbers 1, 2, 3) and two of flock b (1, 2), which may
 * talk with each other; bundles for all of them; listener 0 is clear, listener 1 shrouded.
 *
 *	stage_plan(&s);
 *	s.options, s.mbit, ... may be changed
 *	stage_open(&s);
 */
#ifndef TESTS_SUPPORT_STAGE_H
#define TESTS_SUPPORT_STAGE_H

#include "cathedral/relay/pipeline.h"
#include "protocol/envelope.h"
#include "tests/support/members.h"
#include "tests/support/tray.h"

#define STAGE_A     UINT64_C(0xaaaa00)
#define STAGE_B     UINT64_C(0xbbbb00)
#define STAGE_PEERS 4
#define STAGE_NOW_S INT64_C(1790000000)

struct stage {
	struct random random;
	struct instant now; /* may be moved on at any time */

	/* May be changed between stage_plan() and stage_open(), or before stage_publish(). */
	struct site_options options;
	struct member a[3], b[2];
	size_t a_count, b_count; /* of them, so many are allowed */
	bool pair;               /* the flocks may talk */
	struct bundle_plan bundle_a, bundle_pair;
	bool has_bundles;
	struct settings_peer peers[STAGE_PEERS];
	size_t peer_count;

	struct site *site;
	struct tray tray;
	struct stats stats, scanner_stats;
	struct pipeline *pipeline, *scanner;

	/* About the last packet given: how many went out for it, and whether its verdict and no
	 * other was counted. */
	size_t replies;
	bool counted_once;
};

/* Randomness comes from the seed of the test. */
void stage_plan(struct stage *s, struct random *seed);
void stage_open(struct stage *s);
void stage_close(struct stage *s);

/* Puts what may have been changed into force, as a reload does. */
void stage_publish(struct stage *s);

void stage_pass(struct stage *s, uint64_t ns);

/* A datagram as it arrives. */
struct arrival {
	struct endpoint from;
	uint8_t listener;
	bool nat_port;
	const uint8_t *bytes;
	size_t len;
};

/* Gives one to the pipeline and says what became of it. */
enum verdict stage_give(struct stage *s, const struct arrival *in);

/* The scanner takes up all that waits; returns how many that were. */
size_t stage_look_up(struct stage *s);

/* ---- devices on the stage ---- */

struct actor {
	struct device d;
	struct endpoint at;
	uint8_t listener;
};

/* Member m of flock `from` that talks to number `peer` of flock `to`, at 192.0.2.<its id>:1000. */
struct actor stage_actor(struct stage *s, const struct member *m, struct flock_id from,
    struct flock_id to, uint8_t peer, uint8_t listener);

/* What it sends by itself; the verdict of the pipeline. */
enum verdict stage_info(struct stage *s, struct actor *a);
enum verdict stage_probe(struct stage *s, struct actor *a);
enum verdict stage_liturgy(struct stage *s, struct actor *a);
enum verdict stage_data(struct stage *s, struct actor *a, size_t payload);
enum verdict stage_sacrament(struct stage *s, struct actor *a, uint32_t new_spi);

/* Any packet that was made for it. */
enum verdict stage_packet(struct stage *s, const struct actor *a, const struct device_packet *p);

/* What the device makes of the n-th packet on the tray, which must be addressed to it. */
struct device_event stage_receive(struct stage *s, struct actor *a, size_t n);

/* ---- other cathedrals ---- */

/* The address of the n-th federated cathedral. */
struct endpoint stage_peer(unsigned n);

extern const struct federation_secret stage_secret;

/* A packet from the n-th at listener 0, under the federation's shroud if that listener has one. */
enum verdict stage_from_peer(struct stage *s, unsigned n, const uint8_t *packet, size_t len);

/* A catacomb offer from the n-th, the same way; e may be signed or not. */
enum verdict stage_catacomb(
    struct stage *s, unsigned n, struct offer_header *h, const struct envelope *e);

#endif
