/* SPDX-License-Identifier: ISC */
/* What handlers share: ids and times as text, the store's results as answers, the account's log. */
#ifndef RELIQUARY_API_HANDLERS_COMMON_H
#define RELIQUARY_API_HANDLERS_COMMON_H

#include "base/ids.h"
#include "reliquary-api/handlers/handler.h"
#include "reliquary-api/store/flocks.h"

#define TIME_TEXT       21 /* "2026-11-21T06:00:00Z" and a NUL */
#define ID64_TEXT       17
#define DEVICE_TEXT     9
#define KEK_FILE_TEXT   40
#define KEK_NUMBER_TEXT 4
#define GENERATION_TEXT 11

/* How often another number is drawn when one is taken. */
#define DRAW_TRIES 8

/* RFC 3339, UTC; as a JSON string, or null for 0 ("never"). */
void time_text(int64_t unix_s, char out[static TIME_TEXT]);
json_t *time_json(int64_t unix_s);

/* A flock, a token, an enrolment: 16 lower-case hex digits; a device: 8. */
void id64_text(uint64_t id, char out[static ID64_TEXT]);
void device_text(struct device_id id, char out[static DEVICE_TEXT]);

/* A KEK number in decimal, as lists say it; 0: none yet. */
void kek_number_text(uint8_t kek, char out[static KEK_NUMBER_TEXT]);

/* "6442a01510d91a00/kek-data/kek-0x01": where the owner's key tool keeps that KEK. */
void kek_file_text(struct flock_id flock, uint8_t kek, char out[static KEK_FILE_TEXT]);

/* What an event was about: "6442a01510d91a00/36d28dec", and two flocks in the same way. */
void device_subject(struct flock_id flock, struct device_id device, char out[static STORE_LABEL]);
void xflock_subject(struct flock_id a, struct flock_id b, char out[static STORE_LABEL]);

/* "0x649af776" */
void generation_text(uint32_t generation, char out[static GENERATION_TEXT]);

/* A new id of a token or an enrolment: never 0, and positive as a signed number, too. */
uint64_t id64_draw(struct random *random);

/* The answer to everything but STORE_OK; what: "flock", "device", … */
struct reply reply_store(enum store_result result, const char *what);

/* 204; the older spelling of a DELETE, a POST, gets 200 {deleted}. */
struct reply reply_deleted(const struct call *c, const char *what);

/* Notes in the account's log what the caller just did, and to what ("": the account itself). */
enum store_result call_note(const struct call *c, const char *action, const char *subject);

/* {generation, expires, uploaded}: what lists say of a bundle. */
json_t *bundle_json(const struct bundle_row *b);

/* Devices that asked to join before this moment are no longer there. */
int64_t call_joins_since(const struct call *c);

/*
 * Adds "cathedral" ("ip:port") and "natport" to object: a healthy one, in ?region= if there is one;
 * null when there is none at all.
 */
enum store_result cathedral_give(const struct call *c, json_t *object);

#endif
