/* SPDX-License-Identifier: ISC */
/* All handlers, by the file that they are in; docs/api.md says what each is asked and answers. */
#ifndef RELIQUARY_API_HANDLERS_HANDLERS_H
#define RELIQUARY_API_HANDLERS_HANDLERS_H

#include "reliquary-api/handlers/handler.h"

/* register.c */
struct reply handle_register(const struct call *c);
struct reply handle_challenge(const struct call *c);

/* login.c */
struct reply handle_login(const struct call *c);

/* account.c */
struct reply handle_account_show(const struct call *c);
struct reply handle_account_extend(const struct call *c);
struct reply handle_account_key(const struct call *c);
struct reply handle_account_delete(const struct call *c);

/* token.c */
struct reply handle_token_list(const struct call *c);
struct reply handle_token_create(const struct call *c);
struct reply handle_token_delete(const struct call *c);

/* flock.c */
struct reply handle_flock_list(const struct call *c);
struct reply handle_flock_create(const struct call *c);
struct reply handle_flock_change(const struct call *c);
struct reply handle_flock_delete(const struct call *c);

/* join.c */
struct reply handle_join(const struct call *c);

/* device.c */
struct reply handle_device_list(const struct call *c);
struct reply handle_device_approve(const struct call *c);
struct reply handle_device_change(const struct call *c);
struct reply handle_device_secret(const struct call *c);
struct reply handle_device_delete(const struct call *c);

/* enrolment.c */
struct reply handle_enrolment_list(const struct call *c);
struct reply handle_enrolment_create(const struct call *c);
struct reply handle_enrolment_delete(const struct call *c);

/* ambry.c: on disk already when these are asked; the file stays only when they answer 2xx. */
extern const struct upload_rule ambry_of_flock, ambry_of_xflock;
struct reply handle_ambry_put(const struct call *c);
struct reply handle_xambry_put(const struct call *c);

/* xflock.c */
struct reply handle_xflock_list(const struct call *c);
struct reply handle_xflock_create(const struct call *c);
struct reply handle_xflock_delete(const struct call *c);

/* cathedral.c */
struct reply handle_cathedral_list(const struct call *c);
struct reply handle_feed(const struct call *c);
struct reply handle_heartbeat(const struct call *c);

/* event.c */
struct reply handle_event_list(const struct call *c);

/* openapi.c */
struct reply handle_openapi(const struct call *c);

#endif
