/* SPDX-License-Identifier: ISC */
/* A sender for tests: what would go out is copied and kept, in order. */
#ifndef TESTS_SUPPORT_TRAY_H
#define TESTS_SUPPORT_TRAY_H

#include "cathedral/relay/outbox.h"

#define TRAY_MAX 1024

struct sent {
	struct endpoint to;
	uint8_t listener;
	size_t len;
	uint8_t bytes[PACKET_ROOM];
};

struct tray {
	struct sender sender; /* first: this is what a pipeline is given */
	size_t count;         /* beyond TRAY_MAX only counted */
	size_t calls;         /* of the sender */
	struct sent sent[TRAY_MAX];
};

void tray_init(struct tray *t);
void tray_empty(struct tray *t);

#endif
