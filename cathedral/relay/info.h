/* SPDX-License-Identifier: ISC */
/*
 * What an info offer does to a tunnel and what is answered, as a pure function of state and facts
 * (docs/protocol.md, "Info").
 */
#ifndef CATHEDRAL_RELAY_INFO_H
#define CATHEDRAL_RELAY_INFO_H

#include "cathedral/state/tunnels.h"
#include "protocol/wire/offer.h"

#include <stdbool.h>
#include <stdint.h>

struct info_facts {
	const struct info *info;
	uint64_t said_s; /* when the device made it, by its own clock */
	struct endpoint from;
	uint8_t listener;
	uint64_t now_ns;
	bool p2p_sync;
	struct rhythm_terms rhythm;
	bool has_ambry;      /* a bundle that has not expired ... */
	uint32_t generation; /* ... of this generation */
	bool reverse_known;
	struct tunnel reverse;
};

struct info_outcome {
	bool created;
	bool moved;  /* from an address that has not proven itself: one answer at most */
	bool answer; /* info, with what follows */
	bool direct; /* peer is where the other end can be reached; else the cathedral relays */
	struct endpoint peer;
	bool same_address; /* both ends share one external address */
	bool remember;     /* remembrance */
	bool ambry;
	enum tell tell;  /* other cathedrals */
	bool p2p_usable; /* as is told with it */
	uint8_t changes; /* of the rhythm, by then */
};

/* A device's info on the main port.  created: the entry has nothing but key, device and age. */
void info_decide(
    struct tunnel *t, bool created, const struct info_facts *facts, struct info_outcome *ret);

/* An info that another cathedral, at facts->from, passes on; ignored when it was overtaken. */
void info_federated(struct tunnel *t, bool created, const struct info_facts *facts);

/* A NAT probe from this address; only a local tunnel learns from it. */
void info_probe(struct tunnel *t, const struct endpoint *from, uint64_t now_ns);

/* What another cathedral says about a tunnel that it has. */
void info_p2p(struct tunnel *t, const struct endpoint *cathedral, const struct p2p_info *p2p);

#endif
