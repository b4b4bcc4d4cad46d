/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/secret.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* One answer for the whole process, as the limit on locked memory is one for the whole process. */
static atomic_bool refused;

/* Whole pages for size bytes; 0 when there is no such number. */
static size_t
pages_for(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (size == 0)
		return page;
	if (size > SIZE_MAX - (page - 1))
		return 0;
	return (size + page - 1) / page * page;
}

void *
secret_alloc(size_t size)
{
	size_t length = pages_for(size);
	void *at;

	if (length == 0)
		return NULL;
	at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return NULL;

	if (mlock(at, length) != 0)
		atomic_store(&refused, true);
	/* Core dumps are forbidden to the daemons anyway; this covers every other program. */
	(void)madvise(at, length, MADV_DONTDUMP);
	return at;
}

void
secret_free(void *at, size_t size)
{
	if (at == NULL)
		return;
	secret_wipe(at, size);
	munmap(at, pages_for(size)); /* unlocks too */
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
