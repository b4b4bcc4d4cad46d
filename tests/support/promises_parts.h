/* SPDX-License-Identifier: ISC */
/* What is remembered of promises: for promises.c, which makes them, and promises_check.c. */
#ifndef TESTS_SUPPORT_PROMISES_PARTS_H
#define TESTS_SUPPORT_PROMISES_PARTS_H

#include "tests/support/bundles.h"
#include "tests/support/promises.h"

#define LABEL_SIZE 12

/* Of these, all that ever were; what is gone stays gone. */
#define LIVES_MOST   1024
#define FLOCKS_MOST  8
#define DEVICES_MOST 10

#define FLOCKS_AT_ONCE 3 /* an account may have */
#define LIVES_AT_ONCE  4

struct promised_device {
	char id[9], label[LABEL_SIZE];
	unsigned kek; /* 0: waits for approval */
	bool gone;
};

struct promised_flock {
	char id[17], label[LABEL_SIZE];
	bool gone;
	unsigned consents; /* bit n: to the account's flock n */
	struct promised_device devices[DEVICES_MOST];
	unsigned devices_count;
	char enrolment[17], key[33]; /* "": none; key "": nobody heard it */
	unsigned uses;
	uint32_t generation; /* 0: no bundle */
	uint8_t hash[32];
};

struct promised_life {
	struct tenant who;
	bool gone;
	char token[33], token_id[17], ended[33]; /* a second one; one that was revoked */
	unsigned tokens;
	struct promised_flock flocks[FLOCKS_MOST];
	unsigned flocks_count;
};

enum deed {
	NOTHING = 0,
	LIFE_BEGIN,
	LIFE_END,
	TOKEN_MAKE,
	TOKEN_END,
	FLOCK_MAKE,
	FLOCK_END,
	JOIN,
	APPROVE,
	DEVICE_END,
	ENROLMENT_MAKE,
	ENROL,
	UPLOAD,
	CONSENT,
	CONSENT_END,
};

/* What was asked and not answered. */
struct open_deed {
	enum deed deed;
	unsigned life, flock, device, other;
	char label[LABEL_SIZE];
	uint32_t generation;
	uint8_t hash[32];
};

struct promises {
	struct random random;
	struct promised_life lives[LIVES_MOST];
	unsigned lives_count;
	struct open_deed open;
	struct made_bundle bundle;
	unsigned labels, made, left_open;
	char wrong[512]; /* "": nothing */
	struct http_client http;
};

/* Making a flock names the request, so that it can be sent again. */
#define FLOCK_KEY "flock-of-this-promise-"

void bundle_hash(const void *bytes, size_t len, uint8_t hash[static 32]);

#endif
