/* SPDX-License-Identifier: ISC */
/*
 * What two cathedrals say to each other when one takes over from the other.  The one that runs is
 * the giver (giver.c), the new one the taker (taker.c); t is said by the taker, g by the giver.
 *
 *	t HELLO                       who asks
 *	g GREETING, SOCKETS..., KEEPSAKE..., OFFERED
 *	...                           the taker gets ready, the giver serves on
 *	t BEGIN                       which keepsakes it keeps
 *	g frames of relay/bequest.h   everything, then what changed meanwhile; the giver serves on
 *	                              the giver's workers stop
 *	g frames of relay/bequest.h   the rest
 *	g ALL                         that was all
 *	t READY
 *	g GO                          from here on the giver does not serve any more
 *	t SERVING                     from here on the taker does
 *
 * Until GO was sent the giver goes on as if nothing had been, whatever happens to the taker; after
 * it, only when the taker is known to be gone, or says that it does not serve (REFUSED).  The taker
 * serves after GO, or when the giver is known to be gone.  So never both do.
 */
#ifndef CATHEDRAL_IO_HANDOVER_H
#define CATHEDRAL_IO_HANDOVER_H

#include "cathedral/relay/bequest.h"

#include <stdint.h>

/* Of all messages here; one that has another version, or is not known, is refused. */
#define HANDOVER_VERSION 1

enum handover_kind {
	HANDOVER_HELLO = BEQUEST_KINDS,
	HANDOVER_GREETING,
	HANDOVER_SOCKETS,
	HANDOVER_KEEPSAKE,
	HANDOVER_OFFERED,
	HANDOVER_BEGIN,
	HANDOVER_ALL,
	HANDOVER_READY,
	HANDOVER_GO,
	HANDOVER_SERVING,
	HANDOVER_REFUSED, /* either side: a sentence, and nothing comes of it */
};

/* Open files beside the sockets of devices, each with the name under which both know it. */
enum keepsake_role {
	KEEPSAKE_DOOR,
	KEEPSAKE_CONTROL,
	KEEPSAKE_METRICS,
	KEEPSAKE_PIDFILE,
	KEEPSAKES
};

#define KEEPSAKE_NAME_MAX 256

struct keepsake {
	int fd; /* -1: there is none */
	char name[KEEPSAKE_NAME_MAX];
};

#endif
