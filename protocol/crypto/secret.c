/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/secret.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

/*
 * A kernel allows some 65,000 mappings a process, and there may be more flocks than that.  So
 * smaller pieces are cut from chunks; one that is given back waits, wiped and still locked, for the
 * next of its size.
 */
#define CHUNK_SIZE ((size_t)1 << 20)
#define PIECE_MAX  (CHUNK_SIZE / 4) /* larger ones are mapped alone */
#define PIECE_STEP ((size_t)64)

struct piece {
	struct piece *next;
};

static struct {
	pthread_mutex_t lock;
	uint8_t *chunk; /* the one being cut up: left bytes at its end are unused */
	size_t left;
	struct piece *free[PIECE_MAX / PIECE_STEP + 1]; /* by size */
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* One answer for the whole process, as the limit on locked memory is one for the whole process. */
static atomic_bool refused;

/* Sanitizers are to see the use of what was given back. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#define OUT_OF_BOUNDS(at, size) ASAN_POISON_MEMORY_REGION(at, size)
#define IN_BOUNDS(at, size)     ASAN_UNPOISON_MEMORY_REGION(at, size)
#else
#define OUT_OF_BOUNDS(at, size) ((void)0)
#define IN_BOUNDS(at, size)     ((void)0)
#endif

static size_t
round_up(size_t size, size_t step)
{
	return (size + step - 1) / step * step;
}

static void *
map_locked(size_t length)
{
	void *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	if (mlock(at, length) != 0)
		atomic_store(&refused, true);
	/* Core dumps are forbidden to the daemons anyway; this covers every other program. */
	(void)madvise(at, length, MADV_DONTDUMP);
	return at;
}

/* What is left of a chunk when the next piece does not fit is lost: a quarter of it at most. */
static void *
cut_locked(size_t size)
{
	uint8_t *at;

	if (size > pool.left) {
		at = map_locked(CHUNK_SIZE);
		if (at == NULL)
			return NULL;
		OUT_OF_BOUNDS(at, CHUNK_SIZE);
		pool.chunk = at;
		pool.left = CHUNK_SIZE;
	}
	at = pool.chunk + CHUNK_SIZE - pool.left;
	pool.left -= size;
	return at;
}

static void *
piece_take(size_t size)
{
	struct piece **of_size = &pool.free[size / PIECE_STEP];
	struct piece *piece;

	pthread_mutex_lock(&pool.lock);
	piece = *of_size;
	if (piece != NULL) {
		IN_BOUNDS(piece, size);
		*of_size = piece->next;
		piece->next = NULL;
	} else {
		piece = cut_locked(size);
		if (piece != NULL)
			IN_BOUNDS(piece, size);
	}
	pthread_mutex_unlock(&pool.lock);
	return piece;
}

static void
piece_give_back(struct piece *piece, size_t size)
{
	struct piece **of_size = &pool.free[size / PIECE_STEP];

	pthread_mutex_lock(&pool.lock);
	piece->next = *of_size;
	*of_size = piece;
	OUT_OF_BOUNDS(piece, size);
	pthread_mutex_unlock(&pool.lock);
}

void *
secret_alloc(size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size = round_up(size > 0 ? size : 1, PIECE_STEP);
	return size > PIECE_MAX ? map_locked(size) : piece_take(size);
}

void
secret_free(void *at, size_t size)
{
	if (at == NULL)
		return;
	size = round_up(size > 0 ? size : 1, PIECE_STEP);
	secret_wipe(at, size);
	if (size > PIECE_MAX)
		munmap(at, size); /* unlocks too */
	else
		piece_give_back(at, size);
}

bool
secret_locked(void)
{
	return !atomic_load(&refused);
}

void
secret_wipe(void *at, size_t size)
{
	sodium_memzero(at, size);
}

bool
secret_equal(const void *a, const void *b, size_t size)
{
	return sodium_memcmp(a, b, size) == 0;
}
