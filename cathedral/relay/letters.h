/* SPDX-License-Identifier: ISC */
/*
 * Announcements gathered into letters, for cathedrals that read them (docs/protocol.md, "Letters").
 * A change goes out with the batch that brought it, and a few times again soon after; everything
 * else waits a little for company.
 */
#ifndef CATHEDRAL_RELAY_LETTERS_H
#define CATHEDRAL_RELAY_LETTERS_H

#include "cathedral/relay/catacomb.h"
#include "cathedral/relay/pipeline.h"

/* What one pipeline has written and not sent yet. */
struct letters;

struct letters *letters_create(void); /* NULL when out of memory */
void letters_destroy(struct letters *l);

/* For all who read letters, or those of them who missed things. */
void letters_add(struct pipeline *p, const struct announcement *a);

/* At the end of a batch, and from time to time: queues what is not to wait any longer. */
void letters_send(struct pipeline *p);

/* When letters_send() has something to do next; UINT64_MAX: nothing waits. */
uint64_t letters_due_ns(const struct letters *l);

/* The main thread, ten times a second: hellos to those for whom they are due. */
void letters_greet(struct pipeline *p);

/* A letter from another cathedral. */
enum verdict letters_handle(struct pipeline *p, struct packet *pkt);

#endif
