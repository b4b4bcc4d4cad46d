/* SPDX-License-Identifier: ISC */
#include "reliquary-api/routes.h"

#include "reliquary-api/auth/rates.h"
#include "reliquary-api/handlers/handlers.h"

/* Who may, with which token, and what it does: the columns that must never be forgotten. */
#define ASKS      ACCESS_ANYONE, (enum scope)0, EFFECT_READS
#define STRANGER  ACCESS_ANYONE, (enum scope)0, EFFECT_WRITES
#define READS     ACCESS_ACCOUNT, SCOPE_READ, EFFECT_READS
#define APPROVES  ACCESS_ACCOUNT, SCOPE_APPROVE, EFFECT_WRITES
#define WRITES    ACCESS_ACCOUNT, SCOPE_FULL, EFFECT_WRITES
#define RENEWS    ACCESS_ENDED, SCOPE_FULL, EFFECT_WRITES /* expired accounts, too */
#define CATHEDRAL ACCESS_CATHEDRAL, (enum scope)0, EFFECT_WRITES
#define LISTENS   ACCESS_CATHEDRAL, (enum scope)0, EFFECT_WAITS

#define ROW(method, path, may, body, handle)                                                       \
	{                                                                                          \
		METHOD_##method, path, may, BODY_##body, handle, 0, NULL                           \
	}
/* The same with a limit by source of its own. */
#define ROW_RATED(method, path, may, body, handle, rate)                                           \
	{                                                                                          \
		METHOD_##method, path, may, BODY_##body, handle, RATE_##rate, NULL                 \
	}
#define ROW_UPLOAD(method, path, handle, rule)                                                     \
	{                                                                                          \
		METHOD_##method, path, WRITES, BODY_UPLOAD, handle, 0, &(rule)                     \
	}

const struct route routes[] = {
	ROW(GET, "/v1/openapi.json", ASKS, NONE, handle_openapi),

	ROW(GET, "/v1/register/challenge", ASKS, NONE, handle_challenge),
	ROW_RATED(POST, "/v1/register", STRANGER, JSON, handle_register, REGISTER),
	ROW_RATED(POST, "/v1/login", STRANGER, RAW, handle_login, LOGIN),

	ROW(GET, "/v1/account", READS, NONE, handle_account_show),
	ROW(POST, "/v1/account/extend", RENEWS, NONE, handle_account_extend),
	ROW(POST, "/v1/account/key", WRITES, NONE, handle_account_key),
	ROW(DELETE, "/v1/account", RENEWS, NONE, handle_account_delete),

	ROW(GET, "/v1/tokens", READS, NONE, handle_token_list),
	ROW(POST, "/v1/tokens", WRITES, JSON, handle_token_create),
	ROW(DELETE, "/v1/tokens/{id}", WRITES, NONE, handle_token_delete),

	ROW(GET, "/v1/flocks", READS, NONE, handle_flock_list),
	ROW(POST, "/v1/flocks", WRITES, JSON, handle_flock_create),
	ROW(PATCH, "/v1/flocks/{flock}", WRITES, JSON, handle_flock_change),
	ROW(DELETE, "/v1/flocks/{flock}", WRITES, NONE, handle_flock_delete),

	ROW_RATED(POST, "/v1/flocks/{flock}/devices", STRANGER, RAW, handle_join, JOIN),
	ROW(GET, "/v1/flocks/{flock}/devices", READS, NONE, handle_device_list),
	ROW(POST, "/v1/flocks/{flock}/devices/{id}/approve", APPROVES, JSON, handle_device_approve),
	ROW(POST, "/v1/flocks/{flock}/devices/{id}/secret", WRITES, NONE, handle_device_secret),
	ROW(PATCH, "/v1/flocks/{flock}/devices/{id}", WRITES, JSON, handle_device_change),
	ROW(DELETE, "/v1/flocks/{flock}/devices/{id}", WRITES, NONE, handle_device_delete),

	ROW(GET, "/v1/flocks/{flock}/enrolments", READS, NONE, handle_enrolment_list),
	ROW(POST, "/v1/flocks/{flock}/enrolments", WRITES, JSON, handle_enrolment_create),
	ROW(DELETE, "/v1/flocks/{flock}/enrolments/{id}", WRITES, NONE, handle_enrolment_delete),

	ROW_UPLOAD(PUT, "/v1/flocks/{flock}/ambry", handle_ambry_put, ambry_of_flock),

	ROW(GET, "/v1/xflocks", READS, NONE, handle_xflock_list),
	ROW(PUT, "/v1/flocks/{a}/xflocks/{b}", WRITES, NONE, handle_xflock_create),
	ROW(DELETE, "/v1/flocks/{a}/xflocks/{b}", WRITES, NONE, handle_xflock_delete),
	ROW_UPLOAD(PUT, "/v1/flocks/{a}/xflocks/{b}/ambry", handle_xambry_put, ambry_of_xflock),

	ROW(GET, "/v1/cathedrals", READS, NONE, handle_cathedral_list),
	ROW(GET, "/v1/cathedral/feed", LISTENS, NONE, handle_feed),
	ROW(POST, "/v1/cathedral/heartbeat", CATHEDRAL, JSON, handle_heartbeat),

	ROW(GET, "/v1/events", READS, NONE, handle_event_list),

	/* Aliases: what the older command-line tool calls some of them. */
	ROW_RATED(POST, "/v1/init", STRANGER, RAW, handle_login, LOGIN),
	ROW(GET, "/v1/flock/list", READS, NONE, handle_flock_list),
	ROW(POST, "/v1/flock/create", WRITES, JSON, handle_flock_create),
	ROW(POST, "/v1/flock/{flock}/delete", WRITES, NONE, handle_flock_delete),
	ROW_RATED(POST, "/v1/device/{flock}/create", STRANGER, RAW, handle_join, JOIN),
	ROW(GET, "/v1/device/list/{flock}", READS, NONE, handle_device_list),
	ROW(POST, "/v1/device/{flock}/{id}/approve", APPROVES, JSON, handle_device_approve),
	ROW(POST, "/v1/device/{flock}/{id}/delete", WRITES, NONE, handle_device_delete),
	ROW_UPLOAD(POST, "/v1/ambry/{flock}", handle_ambry_put, ambry_of_flock),
	ROW(GET, "/v1/xflock/list", READS, NONE, handle_xflock_list),
	ROW(POST, "/v1/xflock/{a}/{b}/create", WRITES, NONE, handle_xflock_create),
	ROW(POST, "/v1/xflock/{a}/{b}/delete", WRITES, NONE, handle_xflock_delete),
	ROW_UPLOAD(POST, "/v1/xflock/{a}/{b}/ambry", handle_xambry_put, ambry_of_xflock),
	{ 0 },
};
