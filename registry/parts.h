/* SPDX-License-Identifier: ISC */
/* What the files that know what is in registry.db have in common. */
#ifndef REGISTRY_PARTS_H
#define REGISTRY_PARTS_H

#include "database/migrate.h"
#include "database/sql.h"
#include "database/vault.h"
#include "registry/registry_db.h"

/* "RLQG" in the file's header: the database is ours. */
#define REGISTRY_APPLICATION 0x524c5147

extern const struct schema registry_schema;

#define KEK_SET_SIZE  32
#define DEVICE_PACKED 73 /* KEK number, identity, cap, secret, public key */
#define FLOCK_DEVICES KEK_NUMBER_MAX
#define FLOCK_PACKED  (8 + 2 + FLOCK_DEVICES * DEVICE_PACKED + KEK_SET_SIZE + VAULT_HASH_SIZE)
#define SECRET_SEALED (sizeof(struct cathedral_secret) + VAULT_SEAL_EXTRA)
#define DIGEST_TEXT   (2 * VAULT_HASH_SIZE + 1)
#define FACT_TEXT     RECORD_DATABASE

_Static_assert(FACT_TEXT >= DIGEST_TEXT, "a digest is a fact");

/* Where secrets are for a moment; in memory for them. */
struct registry_scratch {
	struct record_device devices[FLOCK_DEVICES];
	uint8_t packed[FLOCK_PACKED];
};

struct registry_db {
	struct database database;
	char key[PATH_MAX];
	bool writes;
	struct random random;    /* the writer's: names and keys of files that are made */
	struct session *session; /* NULL when the file could not be opened again */
	struct vault *vault;
	struct registry_scratch *scratch;
	char read_id[FACT_TEXT]; /* of the file whose versions the reader was told */
};

/*
 * With the file that is at the path now: one that was taken away, or exchanged, is left, and the
 * new one opened (the writer makes it).  False with the reason; the next call tries again.
 */
bool registry_connect(struct registry_db *db, struct fault *why);

enum store_result registry_fact_get(
    struct session *s, const char *name, char out[static FACT_TEXT]); /* "" when there is none */
enum store_result registry_fact_set(struct session *s, const char *name, const char *value);
enum store_result registry_counter_get(struct session *s, const char *name, uint64_t *ret);
/* Leaves the file as it is when the value is the same. */
enum store_result registry_counter_set(struct session *s, const char *name, uint64_t value);

/*
 * Digests over all of a record, secrets included, under the key file.  Devices count whatever their
 * order is: flocks must have no KEK number twice, and at most FLOCK_DEVICES of them.  The
 * cathedrals are sorted by name.
 */
struct secret_hash registry_digest_flock(struct registry_db *db, const struct record_flock *f);
struct secret_hash registry_digest_xflock(struct registry_db *db, const struct record_xflock *x);
struct secret_hash registry_digest_fleet(
    struct registry_db *db, const struct record_cathedral *fleet, size_t count);

/* As a fact. */
char *registry_digest_text(char out[static DIGEST_TEXT], const struct secret_hash *digest);

/* Sets of KEK numbers as columns, and back. */
void registry_keks_pack(uint8_t out[static KEK_SET_SIZE], const struct kek_set *set);
void registry_keks_unpack(struct kek_set *ret, const uint8_t in[static KEK_SET_SIZE]);

/* What a device's secret is sealed for; it opens nowhere else. */
#define DEVICE_PLACE 48

void registry_device_place(
    char out[static DEVICE_PLACE], struct flock_id flock, struct device_id device);

#endif
