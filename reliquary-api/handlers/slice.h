/* SPDX-License-Identifier: ISC */
/* What cathedrals need of a bundle: the entries between the KEK numbers that are given out. */
#ifndef RELIQUARY_API_HANDLERS_SLICE_H
#define RELIQUARY_API_HANDLERS_SLICE_H

#include "protocol/wire/bundle.h"
#include "reliquary-api/store/flocks.h"

enum slice_result {
	SLICE_OK = 0,
	SLICE_GONE,    /* the file is not there: replaced by another bundle since, or lost */
	SLICE_DAMAGED, /* it is not the whole bundle, or the disk does not give it back */
	SLICE_FAILED,  /* no memory, no descriptor, or not allowed: nothing is known of the file */
};

/*
 * Cuts the slice between the numbers of row's two flocks out of its file in folder, and reads no
 * more of it.  *ret is the caller's to free.
 */
enum slice_result slice_cut(const char *folder, const struct bundle_row *row,
    const struct kek_set *in_a, const struct kek_set *in_b, uint8_t **ret, size_t *len);

#endif
