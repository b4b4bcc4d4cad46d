/* SPDX-License-Identifier: ISC */
/*
 * A data folder of the API with as many flocks as wanted, made by the store's own operations:
 * accounts of three flocks with five devices each, and a token an account.  All of it follows from
 * numbers, so that requests can be written without asking.  What fails ends the bench.
 */
#ifndef TESTS_SUPPORT_ESTATE_H
#define TESTS_SUPPORT_ESTATE_H

#include "base/ids.h"
#include "base/random.h"
#include "database/vault.h"
#include "reliquary-api/auth/token.h"
#include "reliquary-api/store/devices.h"

#include <stddef.h>
#include <stdint.h>

#define ESTATE_DEVICES 5 /* of a flock */

struct estate {
	char folder[256], db[288], key[288];
	uint32_t flocks;
	struct random random;
	struct vault *vault;
	struct store *store;
	struct session *session;
};

/* The folder must be there, and be empty. */
void estate_make(struct estate *e, const char *folder, uint32_t flocks);
void estate_close(struct estate *e); /* then all is in the one file */
void estate_open(struct estate *e);

/* The same in another folder, which is made; from is closed, and so is ret. */
void estate_copy(struct estate *ret, const struct estate *from, const char *folder);

/* Flock n of estate_make(): its id, its owner and the owner's token. */
struct flock_id estate_flock(uint32_t n);
void estate_token(uint32_t n, char out[static TOKEN_TEXT]);
struct account_id estate_owner(uint32_t n);

/* Flocks in an order that is far from theirs in the database; every one of them comes. */
uint32_t estate_nth(const struct estate *e, uint64_t n);

/* A device that asks to join flock n; for many of them, between group_begin() and _commit(). */
void estate_pend(struct estate *e, uint32_t n, struct device_id id);

/* Takes away what came to flock n since it was made. */
void estate_tidy(struct estate *e, uint32_t n);

void estate_begin(struct estate *e);
void estate_commit(struct estate *e);

/* A folder of a bench's own, on the disk that the tree is on, or in BENCH_DIR. */
#define BENCH_FOLDER 256
void bench_folder_make(char path[static BENCH_FOLDER]);
void bench_folder_remove(const char *path);

#endif
