/* SPDX-License-Identifier: ISC */
/* What the service is told of the cathedral from time to time. */
#ifndef CATHEDRAL_SYNC_BEAT_H
#define CATHEDRAL_SYNC_BEAT_H

#include "base/fault.h"
#include "tools/cathedral-sync/taken.h"

#include <stdbool.h>
#include <stddef.h>

#define BEAT_BODY_MAX 384

/*
 * The body of a heartbeat, from the cathedral's answer to "status": its version, the address of its
 * first listener as others see it, how full its table of tunnels is, in thousandths, whether it
 * drains, and, if it says how far it has read registry.db, up to which change it has everything.
 * False with the reason when the answer does not say the others.
 */
bool beat_body(char out[static BEAT_BODY_MAX], const char *status, size_t len, struct taken *taken,
    struct fault *why);

#endif
