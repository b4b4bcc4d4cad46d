/* SPDX-License-Identifier: ISC */
/*
 * What cathedrals hear of.  A change names a subject, not what became of it: who reads on from a
 * number sees each subject once, and asks for its whole state.  So nothing is lost by being late,
 * nor by hearing of something twice.
 */
#ifndef RELIQUARY_API_STORE_FEED_H
#define RELIQUARY_API_STORE_FEED_H

#include "base/ids.h"
#include "base/keys.h"
#include "reliquary-api/store/devices.h"
#include "reliquary-api/store/store.h"

/* How long what is gone for ever is still among the changes, and after how many others it is not.
 */
#define CHANGE_KEPT_S (30 * INT64_C(86400))
#define CHANGES_KEPT  1000000

struct change {
	struct flock_id a, b; /* equal: a flock; zeros: the cathedrals */
	uint64_t number;
	int64_t at;
};

/*
 * *last: the number of the last change.  *forgotten: changes up to this one are not all there any
 * more; who has not heard of them all has to begin at 0, and to drop what does not come up.
 */
enum store_result change_bounds(struct session *s, uint64_t *last, uint64_t *forgotten);

/* Changes up to this number are not all there any more. */
enum store_result change_forget(struct session *s, uint64_t number);

/*
 * For a copy of the past that takes the place of what cathedrals have heard from: numbers go on far
 * ahead, and those before are forgotten, so that all of them begin anew.  Restored twice, it gives
 * the same numbers twice: store_rename() tells those apart who say whose numbers they know.
 */
enum store_result change_leap(struct session *s);

/* The last that this session noted, whether it was kept or not; 0: none. */
uint64_t group_noted(const struct session *s);

/* Those after a number, oldest first. */
enum store_result change_list(struct session *s, uint64_t after, uint32_t limit,
    bool (*each)(void *arg, const struct change *c), void *arg);

/*
 * Is it served: is it there, and its account neither ended nor suspended?  An xflock when it is
 * established, and both its flocks are served.  STORE_NONE: not.
 */
enum store_result feed_flock(struct session *s, struct flock_id flock);
enum store_result feed_xflock(struct session *s, struct flock_id a, struct flock_id b);

struct feed_device {
	struct device_id id;
	uint8_t kek;
	uint64_t bw_limit; /* Mbit/s */
	uint8_t sealed[DEVICE_SEALED];
	struct cosk_public cosk;
};

/* The approved devices of a flock, served or not, by KEK number. */
enum store_result feed_devices(struct session *s, struct flock_id flock,
    bool (*each)(void *arg, const struct feed_device *d), void *arg);

#endif
