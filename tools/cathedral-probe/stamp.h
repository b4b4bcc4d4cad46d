/* SPDX-License-Identifier: ISC */
/* What a probe's data packets carry: who sent it, which one it is, when, and a checksum. */
#ifndef TOOLS_CATHEDRAL_PROBE_STAMP_H
#define TOOLS_CATHEDRAL_PROBE_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAMP_SIZE 41 /* the least a payload may have */

#define STAMP_ECHO   0x1u /* returned to its sender unchanged but for this */
#define STAMP_HELLO  0x2u /* to see whether anything comes through; not counted */
#define STAMP_DIRECT 0x4u /* sent to the peer's own address */

struct stamp {
	uint64_t run; /* random, one per sender and path */
	uint64_t number;
	uint64_t sent_ns; /* on the sender's monotonic clock */
	uint8_t flags;
};

/* Fills a whole payload; len is at least STAMP_SIZE. */
void stamp_write(const struct stamp *s, uint8_t *payload, size_t len);

/* False for what is not a probe's payload, or was damaged on its way. */
bool stamp_read(struct stamp *ret, const uint8_t *payload, size_t len);

#endif
