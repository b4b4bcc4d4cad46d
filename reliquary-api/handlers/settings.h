/* SPDX-License-Identifier: ISC */
/* What an operator decides about tenants. */
#ifndef RELIQUARY_API_HANDLERS_SETTINGS_H
#define RELIQUARY_API_HANDLERS_SETTINGS_H

#include <stdint.h>

enum registration {
	REGISTRATION_POW = 0,
	REGISTRATION_OPEN,
	REGISTRATION_INVITE,
	REGISTRATION_CLOSED
};

const char *registration_name(enum registration r);

struct settings {
	enum registration registration;
	uint64_t account_s;      /* life of a new account */
	uint64_t extension_s;    /* from now, when it is extended */
	uint64_t account_flocks; /* quota of a new account */
	uint64_t device_mbit;    /* cap of a new device, and the most that it can be given */
	uint64_t tokens_most;    /* of an account */
	uint64_t token_unused_s;
	uint64_t joins_most;      /* pending devices of a flock */
	uint64_t join_s;          /* life of a pending device */
	uint64_t enrolments_most; /* of a flock */
	uint64_t xflocks_most;    /* of a flock */
	uint64_t repeat_s;        /* how long a first answer is remembered */
	uint64_t page_most;       /* of a list */
};

#endif
