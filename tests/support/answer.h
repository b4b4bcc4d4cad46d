/* SPDX-License-Identifier: ISC */
/* What a cathedral would send to a device, sealed and shrouded for it: made without a cathedral. */
#ifndef TESTS_SUPPORT_ANSWER_H
#define TESTS_SUPPORT_ANSWER_H

#include "tools/device/device.h"

struct answer {
	size_t len;
	uint8_t bytes[DEVICE_PACKET_MAX];
};

/* An offer for d, with random flocks in its header, under the shroud given. */
void answer_offer(struct answer *ret, const struct device *d, enum device_shroud which,
    const struct offer *o, struct random *r);

/* Any packet, relayed to d. */
void answer_relay(struct answer *ret, const struct device *d, const uint8_t *packet, size_t len,
    struct random *r);

/*
 * Takes a packet that d has sent out of its shroud; true when the shroud is d's, with the identity
 * that its seed_id gives.  Without shroud: a copy.
 */
bool answer_unshroud(struct answer *ret, const struct device *d, enum device_shroud which,
    const struct device_packet *sent);

#endif
