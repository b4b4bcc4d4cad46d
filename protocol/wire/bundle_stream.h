/* SPDX-License-Identifier: ISC */
/*
 * Checks a whole ambry bundle while it comes in, in pieces of any size, and keeps none of it: what
 * bundle_parse_whole() checks of one in memory (docs/protocol.md, "Ambry bundle").
 */
#ifndef PROTOCOL_WIRE_BUNDLE_STREAM_H
#define PROTOCOL_WIRE_BUNDLE_STREAM_H

#include "protocol/wire/bundle.h"

struct bundle_stream {
	struct flock_id a, b; /* base flocks; equal: within one flock */
	struct bundle_head head;
	bool b_first;      /* the file names b's side first: known after the first entry */
	uint64_t place;    /* whole entries seen */
	uint8_t own, peer; /* KEK numbers of the pair that comes next */
	bool answered;     /* its first direction was seen, the other one comes next */
	uint8_t rest[BUNDLE_HEAD_SIZE]; /* the beginning of a head or an entry */
	size_t rest_len;
	uint64_t taken; /* bytes */
	bool failed;
	struct fault fault; /* why */
};

/* For a bundle between flocks a and b (their domains are ignored); equal: within one flock. */
void bundle_stream_begin(struct bundle_stream *s, struct flock_id a, struct flock_id b);

/* False, with the reason, at the first entry that is wrong, and ever after. */
bool bundle_stream_take(
    struct bundle_stream *s, const uint8_t *bytes, size_t len, struct fault *why);

/* All has come: false when something lacks. */
bool bundle_stream_end(const struct bundle_stream *s, struct fault *why);

#endif
