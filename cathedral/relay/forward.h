/* SPDX-License-Identifier: ISC */
/* What is relayed without being understood (docs/protocol.md, "Relaying"). */
#ifndef CATHEDRAL_RELAY_FORWARD_H
#define CATHEDRAL_RELAY_FORWARD_H

#include "cathedral/relay/pipeline.h"

/* Traffic: to the tunnel that its SPI names. */
enum verdict forward_data(struct pipeline *p, struct packet *pkt);

/* A key exchange: to the other end of the sender's tunnel; the SPI in it is learned. */
enum verdict forward_sacrament(struct pipeline *p, struct packet *pkt);

#endif
