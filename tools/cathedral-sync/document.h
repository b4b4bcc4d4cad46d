/* SPDX-License-Identifier: ISC */
/*
 * A page of the feed (docs/api.md, "The feed"), looked at in every part before any of it counts:
 * the service is trusted to say who may do what, but not to be free of errors, nor to be itself.
 */
#ifndef CATHEDRAL_SYNC_DOCUMENT_H
#define CATHEDRAL_SYNC_DOCUMENT_H

#include "base/fault.h"
#include "registry/records.h"

#include <jansson.h>

#define DOCUMENT_SUBJECTS_MAX 100000 /* of each kind */
#define DOCUMENT_FLEET_MAX    4096

/*
 * Members that are not known are left alone.  False with where and what is wrong
 * ("flocks[3].devices[0].cosk: not 64 hex digits"); *ret is to be freed in either case.
 */
bool document_read(struct record_page *ret, const json_t *page, struct fault *why);

#endif
