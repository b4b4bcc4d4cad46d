/* SPDX-License-Identifier: ISC */
#include "tests/support/nat.h"

#include <stdlib.h>
#include <string.h>

#define MAPPINGS   256
#define PEERS      32 /* remembered per mapping, for filtering */
#define PORT_FIRST 20000
#define PORT_COUNT 40000

struct mapping {
	uint64_t used; /* turn of its last packet; 0: free */
	struct udp4_end inside;
	uint16_t port;
	struct udp4_end peers[PEERS]; /* a ring of those it sent to; symmetric: only the first */
	uint8_t next_peer;
};

struct nat {
	enum nat_kind kind;
	uint32_t public_ip;
	uint16_t next; /* port, counted from PORT_FIRST */
	uint64_t turn;
	struct mapping mappings[MAPPINGS];
};

struct nat *
nat_create(enum nat_kind kind, uint32_t public_ip, uint16_t first_port)
{
	struct nat *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->kind = kind;
	n->public_ip = public_ip;
	n->next = (uint16_t)(first_port >= PORT_FIRST ? (first_port - PORT_FIRST) % PORT_COUNT : 0);
	return n;
}

void
nat_destroy(struct nat *n)
{
	free(n);
}

static struct mapping *
find_port(struct nat *n, uint16_t port)
{
	for (size_t i = 0; i < MAPPINGS; i++) {
		if (n->mappings[i].used != 0 && n->mappings[i].port == port)
			return &n->mappings[i];
	}
	return NULL;
}

static bool
sent_to(const struct mapping *m, struct udp4_end peer)
{
	for (size_t i = 0; i < PEERS; i++) {
		if (udp4_same_end(m->peers[i], peer))
			return true;
	}
	return false;
}

static struct mapping *
find_inside(struct nat *n, const struct udp4 *p)
{
	for (size_t i = 0; i < MAPPINGS; i++) {
		struct mapping *m = &n->mappings[i];

		if (m->used == 0 || !udp4_same_end(m->inside, p->from))
			continue;
		if (n->kind != NAT_SYMMETRIC || sent_to(m, p->to))
			return m;
	}
	return NULL;
}

static struct mapping *
map(struct nat *n, struct udp4_end inside)
{
	struct mapping *m = &n->mappings[0];
	uint16_t port;

	for (size_t i = 1; i < MAPPINGS; i++) {
		if (n->mappings[i].used < m->used)
			m = &n->mappings[i];
	}
	do {
		port = (uint16_t)(PORT_FIRST + n->next);
		n->next = (uint16_t)((n->next + 1) % PORT_COUNT);
	} while (find_port(n, port) != NULL);

	memset(m, 0, sizeof(*m));
	m->inside = inside;
	m->port = port;
	return m;
}

void
nat_outward(struct nat *n, struct udp4 *p)
{
	struct mapping *m;

	if (n->kind == NAT_NONE)
		return;
	if ((m = find_inside(n, p)) == NULL)
		m = map(n, p->from);
	if (!sent_to(m, p->to)) {
		m->peers[m->next_peer] = p->to;
		m->next_peer = (uint8_t)((m->next_peer + 1) % PEERS);
	}
	m->used = ++n->turn;
	p->from = (struct udp4_end){ n->public_ip, m->port };
}

bool
nat_inward(struct nat *n, struct udp4 *p)
{
	struct mapping *m;

	if (n->kind == NAT_NONE)
		return true;
	if (p->to.ip != n->public_ip || (m = find_port(n, p->to.port)) == NULL)
		return false;
	if (n->kind != NAT_FULL_CONE && !sent_to(m, p->from))
		return false;
	p->to = m->inside;
	return true;
}

void
nat_rebind(struct nat *n)
{
	memset(n->mappings, 0, sizeof(n->mappings));
}
