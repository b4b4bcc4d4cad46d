/* SPDX-License-Identifier: ISC */
/* Stamped data packets at an even rate. */
#ifndef TOOLS_CATHEDRAL_PROBE_SENDER_H
#define TOOLS_CATHEDRAL_PROBE_SENDER_H

#include "tools/cathedral-probe/probe.h"
#include "tools/cathedral-probe/stamp.h"

#include <stdbool.h>
#include <stdint.h>

struct sender {
	uint64_t run, sent;
	uint64_t interval_ns; /* 0: never */
	uint64_t next_ns;
	size_t payload; /* bytes */
	bool direct;    /* to the peer's own address */
};

/* rate: packets per second; size: bytes of a data packet with its header. */
struct sender sender_new(const struct device_moment *m, double rate, uint64_t size, bool direct);

/* Sends what is due; returns when the next one is. */
uint64_t sender_turn(struct sender *s, struct probe *p, const struct device_moment *m);

/* One packet with these flags beside its own; false when it cannot be made. */
bool sender_send(struct sender *s, struct probe *p, uint8_t flags, const struct device_moment *m);

/* Sends a packet back to where it came from. */
void sender_echo(
    struct probe *p, const struct stamp *in, size_t payload, const struct device_moment *m);

#endif
