/* SPDX-License-Identifier: ISC */
/*
 * What a NAT does to the addresses of UDP datagrams, in the words of RFC 4787.  Fixed memory: the
 * mapping that rested longest makes room for a new one.
 */
#ifndef TESTS_SUPPORT_NAT_H
#define TESTS_SUPPORT_NAT_H

#include "tests/support/udp4.h"

enum nat_kind {
	NAT_NONE,       /* a plain router */
	NAT_FULL_CONE,  /* one port per inside end, open to everybody */
	NAT_RESTRICTED, /* one port per inside end, open to ends it has sent to */
	NAT_SYMMETRIC,  /* a port per inside end and destination, open to that destination */
};

struct nat;

/* Ports are handed out from first_port upwards.  NULL when out of memory. */
struct nat *nat_create(enum nat_kind kind, uint32_t public_ip, uint16_t first_port);
void nat_destroy(struct nat *n);

/* Puts the public end in the place of p->from, mapping it when it is new. */
void nat_outward(struct nat *n, struct udp4 *p);

/* Puts the inside end in the place of p->to; false when no mapping lets it in. */
bool nat_inward(struct nat *n, struct udp4 *p);

/* Forgets every mapping; ports used so far do not come back until all others were used. */
void nat_rebind(struct nat *n);

#endif
