/* SPDX-License-Identifier: ISC */
/* How many of a thing each device has.  Any thread may call any of these. */
#ifndef CATHEDRAL_STATE_QUOTA_H
#define CATHEDRAL_STATE_QUOTA_H

#include "base/ids.h"
#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quota;

struct quota *quota_create(size_t devices, uint32_t limit, struct random *r);
void quota_destroy(struct quota *q);

/* One more for this device of this flock (any domain); false when it has all it may have. */
bool quota_take(struct quota *q, struct flock_id flock, struct device_id device);
void quota_give_back(struct quota *q, struct flock_id flock, struct device_id device);

#endif
