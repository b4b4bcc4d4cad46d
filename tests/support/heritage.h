/* SPDX-License-Identifier: ISC */
/*
 * Two sites of one registry, of which one leaves what it knows to the other: for tests of
 * relay/bequest.h and of what is built on it.
 */
#ifndef TESTS_SUPPORT_HERITAGE_H
#define TESTS_SUPPORT_HERITAGE_H

#include "cathedral/relay/bequest.h"
#include "tests/support/small_site.h"

#include <stddef.h>
#include <stdint.h>

#define HERITAGE_CELL 176 /* of one entry in a dump */

/* Gives the site so many listeners: 192.0.2.9:4500, 4501, ..., each second one shrouded. */
void heritage_listen(struct site *site, size_t count);

/* Something of everything, by chance: so many tunnels, and a tenth as many of all else. */
void heritage_fill(struct small_site *s, unsigned tunnels);

/* Some tunnels, and a liturgy, are heard of again, elsewhere. */
void heritage_stir(struct small_site *s, unsigned tunnels);

/* Some out of the first so many tunnels are heard of again, by chance. */
void heritage_stir_any(struct small_site *s, unsigned tunnels, unsigned of);

/* All that a site knows, in an order that is always the same; the caller frees it. */
uint8_t *heritage_dump(struct site *site, size_t *len);

/* Frames one behind the other. */
struct heritage_stream {
	uint8_t *bytes;
	size_t len;
};

/* A sink that adds to the stream. */
struct bequest_sink heritage_sink(struct heritage_stream *to);

/* Hands all frames over, each in a buffer of exactly its size; false with the reason. */
bool heritage_take(
    struct heir *heir, const struct heritage_stream *from, struct instant now, struct fault *why);

#endif
