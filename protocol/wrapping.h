/* SPDX-License-Identifier: ISC */
/* Ambries: one tunnel's secret wrapped for one device (docs/protocol.md, "Wrapping"). */
#ifndef PROTOCOL_WRAPPING_H
#define PROTOCOL_WRAPPING_H

#include "base/ids.h"
#include "base/keys.h"
#include "protocol/wire/bundle.h"

#include <stdbool.h>
#include <stdint.h>

/* Where an ambry belongs: all of it is authenticated. */
struct ambry_place {
	struct flock_id flock_src, flock_dst; /* the owner's flock first; base flocks */
	struct tunnel_id tunnel;
};

void ambry_wrap(uint8_t key[static 32], uint8_t tag[static 16], const struct tunnel_secret *secret,
    const struct kek_unwrap_key *k1, const struct bundle_head *head,
    const struct ambry_place *place);

bool ambry_unwrap(struct tunnel_secret *ret, const uint8_t key[static 32],
    const uint8_t tag[static 16], const struct kek_unwrap_key *k1, const struct bundle_head *head,
    const struct ambry_place *place);

#endif
