/* SPDX-License-Identifier: ISC */
#include "tests/support/estate.h"

#include "base/clock.h"
#include "base/hex.h"
#include "reliquary-api/handlers/secrets.h"
#include "reliquary-api/store/flocks.h"
#include "tests/support/children.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FLOCKS_EACH 3    /* of an account */
#define TOGETHER    3000 /* flocks in one transaction */
#define LIFE_S      (365 * 86400)
#define DAY_S       86400
#define CACHE_KIB   (64 << 10)
#define COPY_STEP   (64 << 20)

#define TMPFS 0x01021994 /* statfs(2) */

static void
must(enum store_result result, const char *what)
{
	if (result == STORE_OK)
		return;
	errno = EIO;
	bench_give_up(what);
}

/* Numbers that look like drawn ones, and differ for different n. */
static uint64_t
scattered(uint64_t n)
{
	n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
	return n ^ (n >> 31);
}

/* 56 bits, and no two alike: what scatters them can be turned round. */
struct flock_id
estate_flock(uint32_t n)
{
	uint64_t id = ((uint64_t)n + 1) * UINT64_C(0x9e3779b97f4a7d) << 8;

	return (struct flock_id){ id };
}

void
estate_token(uint32_t n, char out[static TOKEN_TEXT])
{
	uint64_t account = n / FLOCKS_EACH;
	uint64_t bytes[2] = { scattered(2 * account + 1), scattered(2 * account + 2) };

	hex_encode(out, bytes, sizeof(bytes));
}

/* The store counts them from 1. */
struct account_id
estate_owner(uint32_t n)
{
	return (struct account_id){ n / FLOCKS_EACH + 1 };
}

uint32_t
estate_nth(const struct estate *e, uint64_t n)
{
	return (uint32_t)(n * UINT64_C(2654435761) % e->flocks);
}

static struct hash32
hash_of(const struct estate *e, enum secret_kind kind, const void *secret, size_t len)
{
	struct secret_hash hash = vault_hash(e->vault, kind, secret, len);
	struct hash32 ret;

	memcpy(ret.bytes, hash.bytes, sizeof(ret.bytes));
	return ret;
}

static struct account_id
account_make(struct estate *e, uint32_t n, int64_t now)
{
	char share_id[SHARE_ID_MAX], token[TOKEN_TEXT];
	struct token row = { .id = 1, .label = "login", .scope = SCOPE_FULL, .created = now };
	struct account_new a = { .key_hash = hash_of(e, SECRET_ACCOUNT_KEY, &n, sizeof(n)),
		.now = now,
		.expires = now + LIFE_S,
		.max_flocks = FLOCKS_EACH,
		.bw_limit = 25,
		.registration = "open" };
	struct account_id id;
	struct hash32 hash;

	snprintf(share_id, sizeof(share_id), "%016jx", (uintmax_t)scattered(n));
	memcpy(a.share_id, share_id, sizeof(share_id));
	must(account_create(e->session, &a, &id), "an account");

	/* Used today, so that to read with it writes nothing. */
	row.used_day = now / DAY_S;
	estate_token(n, token);
	hash = hash_of(e, SECRET_TOKEN, token, strlen(token));
	must(token_create(e->session, id, &row, &hash, 1, false), "a token");
	return id;
}

static struct join
join_of(struct estate *e, uint32_t n, struct device_id id, int64_t now)
{
	struct join j = { .flock = estate_flock(n), .id = id, .label = "a device", .now = now };
	const struct site site = { .vault = e->vault };
	const struct call c = { .site = &site, .random = &e->random };
	struct cathedral_secret secret;

	random_bytes(&e->random, j.cosk.bytes, sizeof(j.cosk.bytes));
	random_bytes(&e->random, secret.bytes, sizeof(secret.bytes));
	device_seal(&c, j.flock, j.id, &secret, j.sealed);
	return j;
}

static void
flock_fill(struct estate *e, struct account_id account, uint32_t n, int64_t now)
{
	struct enrolment key = {
		.id = n + 1, .uses_left = ESTATE_DEVICES, .created = now, .expires = now + LIFE_S
	};
	struct hash32 hash = hash_of(e, SECRET_ENROLMENT, &n, sizeof(n));
	struct flock_id flock = estate_flock(n);
	struct account_id owner;
	uint8_t kek;

	must(flock_create(e->session, account, flock, "a flock", now), "a flock");
	must(enrolment_create(e->session, account, flock, &key, &hash, 1), "an enrolment key");
	for (uint32_t d = 0; d < ESTATE_DEVICES; d++) {
		struct device_id id = { (uint32_t)scattered((uint64_t)n * ESTATE_DEVICES + d) };
		struct join j = join_of(e, n, id, now);

		must(join_enrol(e->session, &j, &hash, 25, &kek, &owner), "a device");
	}
	must(enrolment_delete(e->session, account, flock, key.id), "an enrolment key");
}

void
estate_begin(struct estate *e)
{
	must(group_begin(e->session), "a transaction");
}

void
estate_commit(struct estate *e)
{
	must(group_commit(e->session), "a transaction");
}

static void
fill(struct estate *e)
{
	int64_t now = clock_now().wall_s;
	struct account_id account = { 0 };
	uint64_t left;

	for (uint32_t n = 0; n < e->flocks; n++) {
		if (n % TOGETHER == 0)
			estate_begin(e);
		if (n % FLOCKS_EACH == 0)
			account = account_make(e, n, now);
		flock_fill(e, account, n, now);
		if (n % TOGETHER != TOGETHER - 1 && n != e->flocks - 1)
			continue;
		estate_commit(e);
		must(store_checkpoint(e->session, &left), "a checkpoint");
	}
}

void
estate_open(struct estate *e)
{
	const struct store_options o = { .path = e->db, .cache_kib = CACHE_KIB, .busy_ms = 10000 };
	struct fault why = { "" };

	e->vault = vault_open(e->key, &why);
	if (e->vault != NULL)
		e->store = store_open(&o, &e->random, &why);
	if (e->store != NULL)
		e->session = session_open_writer(e->store, &why);
	if (e->session == NULL) {
		errno = EIO;
		bench_give_up(why.text);
	}
}

void
estate_close(struct estate *e)
{
	session_close(e->session);
	store_close(e->store);
	vault_close(e->vault);
	e->session = NULL;
	e->store = NULL;
	e->vault = NULL;
}

static void
name_files(struct estate *e, const char *folder)
{
	snprintf(e->folder, sizeof(e->folder), "%s", folder);
	snprintf(e->db, sizeof(e->db), "%s/reliquary.db", folder);
	snprintf(e->key, sizeof(e->key), "%s/key", folder);
}

void
estate_make(struct estate *e, const char *folder, uint32_t flocks)
{
	struct fault why = { "" };

	*e = (struct estate){ .flocks = flocks };
	name_files(e, folder);
	random_from_seed(&e->random, flocks);
	if (!vault_create(e->key, &e->random, &why)) {
		errno = EIO;
		bench_give_up(why.text);
	}
	estate_open(e);
	fill(e);
}

static void
file_copy(const char *from, const char *to, mode_t mode)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	ssize_t n = -1;

	if (in != -1 && out != -1) {
		while ((n = copy_file_range(in, NULL, out, NULL, COPY_STEP, 0)) > 0)
			continue;
	}
	if (n != 0 || fsync(out) == -1 || close(in) == -1 || close(out) == -1)
		bench_give_up(to);
}

void
estate_copy(struct estate *ret, const struct estate *from, const char *folder)
{
	*ret = (struct estate){ .flocks = from->flocks, .random = from->random };
	name_files(ret, folder);
	if (mkdir(folder, 0700) == -1)
		bench_give_up(folder);
	file_copy(from->key, ret->key, 0400);
	file_copy(from->db, ret->db, 0600);
}

void
estate_pend(struct estate *e, uint32_t n, struct device_id id)
{
	struct join j = join_of(e, n, id, clock_now().wall_s);

	must(join_create(e->session, &j, UINT32_MAX, 0), "a join");
}

struct seen {
	struct device_id ids[2048];
	size_t count;
};

static bool
see(void *arg, const struct device_row *d)
{
	struct seen *s = arg;

	if ((d->kek == 0 || d->kek > ESTATE_DEVICES) &&
	    s->count < sizeof(s->ids) / sizeof(s->ids[0]))
		s->ids[s->count++] = d->id;
	return true;
}

void
estate_tidy(struct estate *e, uint32_t n)
{
	const struct device_place start = { 0 };
	struct account_id owner = estate_owner(n);
	struct flock_id flock = estate_flock(n);
	struct seen seen = { .count = 0 };

	must(device_list(e->session, owner, flock, start, 10000, 0, see, &seen), "devices");
	for (size_t i = 0; i < seen.count; i++)
		must(device_delete(e->session, owner, flock, seen.ids[i], 0, 0), "a device");
}

void
bench_folder_make(char path[static BENCH_FOLDER])
{
	const char *dir = getenv("BENCH_DIR");
	struct statfs fs;

	snprintf(path, BENCH_FOLDER, "%s/bench.XXXXXX", dir != NULL ? dir : "build");
	if (mkdtemp(path) == NULL || statfs(path, &fs) == -1)
		bench_give_up(path);
	if (fs.f_type == TMPFS)
		printf(
		    "# %s is in memory: what is durable here costs nothing, set BENCH_DIR\n", path);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
bench_folder_remove(const char *path)
{
	if (nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
		bench_give_up(path);
}
