/* SPDX-License-Identifier: ISC */
/* One gate decides what a packet is, and whether its length fits that (docs/protocol.md,
 * "Packets"). */
#ifndef PROTOCOL_WIRE_KIND_H
#define PROTOCOL_WIRE_KIND_H

#include <stddef.h>
#include <stdint.h>

#define PACKET_MIN 50   /* without shroud */
#define PACKET_MAX 1522 /* on the wire, shroud included */

#define MAGIC_KATEDRAL UINT64_C(0x4b4154454452414c)
#define MAGIC_CIBORIUM UINT64_C(0x4349424f5249554d)
#define MAGIC_CATACOMB UINT64_C(0x43415441434f4d42)
#define MAGIC_SACRAMNT UINT64_C(0x53414352414d4e54)
#define MAGIC_LETTER   UINT64_C(0x45504953544c4553) /* "EPISTLES" */

enum wire_kind {
	WIRE_UNKNOWN = 0, /* too short, or too short for what it says it is */
	WIRE_KATEDRAL,    /* offer between device and cathedral */
	WIRE_CIBORIUM,    /* NAT probe */
	WIRE_CATACOMB,    /* offer between cathedrals */
	WIRE_SACRAMNT,    /* key exchange between devices */
	WIRE_LETTER,      /* many announcements between cathedrals */
	WIRE_DATA,        /* traffic between devices */
};

/* data: a packet without its shroud. */
enum wire_kind wire_kind(const uint8_t *data, size_t len);

#endif
