/* SPDX-License-Identifier: ISC */
/* The prepared packets of a traffic: in the order in which they are sent, round and round. */
#ifndef TOOLS_CATHEDRAL_LOAD_PACKETS_H
#define TOOLS_CATHEDRAL_LOAD_PACKETS_H

#include "tools/cathedral-load/mark.h"
#include "tools/cathedral-load/traffic.h"

struct prepared {
	uint8_t *bytes;
	uint16_t len, mark_at;
	uint16_t lane;
	uint32_t tunnel; /* its number in the run */
	uint8_t blank[MARK_SIZE];
};

struct packets {
	struct prepared *list;
	size_t count;
	uint8_t *room;
};

/* All of them; false with the reason. */
bool packets_make(struct packets *p, const struct traffic_wish *wish, const struct roster *roster,
    size_t lanes, struct random *random, struct fault *why);
void packets_free(struct packets *p);

#endif
