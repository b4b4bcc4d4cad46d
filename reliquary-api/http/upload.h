/* SPDX-License-Identifier: ISC */
/*
 * A body that goes to a file: written to a temporary file beside its later place, hashed and
 * checked on the way, on disk before anybody is told of it.  What is broken off leaves nothing.
 * One thread at a time.
 */
#ifndef RELIQUARY_API_HTTP_UPLOAD_H
#define RELIQUARY_API_HTTP_UPLOAD_H

#include "base/fault.h"
#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPLOAD_HASH_SIZE 32
#define UPLOAD_NAME_SIZE 33 /* 32 hex digits and a NUL: the file's name in its folder */

struct upload;

/* What looks at the bytes as they come; state is theirs, freed with the upload by end of life. */
struct upload_check {
	void *state; /* malloc'd; the upload frees it */
	bool (*take)(void *state, const uint8_t *data, size_t len, struct fault *why);
	bool (*end)(void *state, struct fault *why);
};

enum upload_status {
	UPLOAD_OK = 0,
	UPLOAD_WRONG, /* the check refused it: upload_fault() says why; further bytes are ignored */
	UPLOAD_FAILED, /* the disk did: full, read-only, broken */
};

/*
 * A file in folder/incoming; NULL when it cannot be made (then errno says why).  The check is taken
 * over in any case.
 */
struct upload *upload_begin(
    const char *folder, const struct upload_check *check, struct random *random);

/*
 * Takes the room on the disk for a body whose size was said, so that a full one shows before its
 * bytes are sent.  Makes what follows cheaper, too.
 */
enum upload_status upload_reserve(struct upload *u, uint64_t size);

/* What was not OK once stays so, and what comes afterwards is dropped. */
enum upload_status upload_take(struct upload *u, const uint8_t *data, size_t len);

/* All bytes are there: asks the check, ends the hash.  No disk is waited for. */
enum upload_status upload_end(struct upload *u);

/* fsync, rename to folder/NAME, fsync of the folder: may take long.  UPLOAD_OK or _FAILED. */
enum upload_status upload_settle(struct upload *u);

const void *upload_state(const struct upload *u); /* the check's */
const struct fault *upload_fault(const struct upload *u);
int upload_errno(const struct upload *u); /* after UPLOAD_FAILED: ENOSPC, EDQUOT, … */
uint64_t upload_size(const struct upload *u);

/* SHA-256, UPLOAD_HASH_SIZE bytes; after upload_end(). */
const uint8_t *upload_hash(const struct upload *u);
const char *upload_name(const struct upload *u);

/* From now on the file belongs to whoever knows its name: upload_free() leaves it alone. */
void upload_keep(struct upload *u);

/* Removes the file unless it was kept; NULL is fine. */
void upload_free(struct upload *u);

/* At start: makes the folders, and removes what a crash left in folder/incoming. */
bool upload_folder_prepare(const char *folder, struct fault *why);

#endif
