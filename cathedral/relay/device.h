/* SPDX-License-Identifier: ISC */
/* What devices ask of the cathedral (docs/protocol.md, "Device to cathedral"). */
#ifndef CATHEDRAL_RELAY_DEVICE_H
#define CATHEDRAL_RELAY_DEVICE_H

#include "cathedral/relay/pipeline.h"

/* A KATEDRAL offer on the main port, or a CIBORIUM one (a NAT probe) on the NAT port. */
enum verdict device_offer(struct pipeline *p, const struct packet *pkt);
enum verdict device_probe(struct pipeline *p, const struct packet *pkt);

#endif
