/* SPDX-License-Identifier: ISC */
/*
 * The settings file of a cathedral (docs/protocol.md, "Settings file"): flocks and their devices,
 * xflocks, federated cathedrals.  Text in, plain values out; the files it names are not opened.
 */
#ifndef PROTOCOL_WIRE_SETTINGS_H
#define PROTOCOL_WIRE_SETTINGS_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_PATH_MAX 256

struct settings_device {
	struct device_id id;
	uint8_t kek_number; /* 1 .. 255, once per flock */
	uint32_t mbit;      /* 0: unlimited */
	unsigned line;
};

struct settings_flock {
	struct flock_id id; /* base: its domain byte is zero */
	struct settings_device *devices;
	size_t device_count;
	char ambry[SETTINGS_PATH_MAX]; /* empty: none */
	unsigned line, ambry_line;
};

struct settings_xflock {
	struct flock_id a, b;
	char ambry[SETTINGS_PATH_MAX];
	unsigned line;
};

/*
 * federate <ipv4> <port> [clear <port>] [shroud <port>]: the other cathedral, and, as an extension
 * that sanctum does not know, where its listeners of that kind are, for remembrances.
 */
struct settings_peer {
	struct endpoint at;
	uint16_t clear_port, shroud_port; /* 0: not said */
	unsigned line;
};

struct settings {
	struct settings_flock *flocks;
	size_t flock_count;
	struct settings_xflock *xflocks;
	size_t xflock_count;
	struct settings_peer *peers;
	size_t peer_count;
};

/*
 * Parses len bytes of text (NULs are refused).  The fault reads "line N: ...".  Refused: unknown
 * words, bad numbers, a flock, an identity in a flock, a KEK number in a flock, an xflock or a peer
 * given twice, an xflock of an unknown flock or of one flock with itself.
 */
bool settings_parse(struct settings *ret, const char *text, size_t len, struct fault *why);
void settings_free(struct settings *s);

#endif
