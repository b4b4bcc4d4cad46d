/* SPDX-License-Identifier: ISC */
/* A new KEK in the place of an old one, which stays, under another name. */
#ifndef TOOLS_RELIQUARY_AMBRY_RENEW_H
#define TOOLS_RELIQUARY_AMBRY_RENEW_H

#include "base/fault.h"
#include "base/ids.h"
#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RENEW_OTHERS_MAX 1024

/* What was renewed. */
struct renewal {
	unsigned old; /* kek-0xNN before is kek-0xNN.old-<old> now */
	size_t other_count;
	struct flock_id others[RENEW_OTHERS_MAX]; /* whose owners must be handed the new key */
};

/*
 * Renews one number's KEK and all keys derived from it, the exported ones too.  When this fails
 * half-way no key is lost, and doing it again mends it.
 */
bool kek_renew(struct renewal *ret, struct flock_id flock, uint8_t number, struct random *r,
    struct fault *why);

#endif
