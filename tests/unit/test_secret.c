/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/secret.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The kernel's flags of the mapping that at lies in ("VmFlags:" of smaps); false: none there. */
static bool
mapping_flags(const void *at, char *flags, size_t size)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	bool inside = false, found = false;
	uintptr_t from, to;
	char line[512];

	assert_non_null(maps);
	while (!found && fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
			inside = (uintptr_t)at >= from && (uintptr_t)at < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = true;
	}
	fclose(maps);
	if (found)
		snprintf(flags, size, "%s", line);
	return found;
}

static void
gives_zeroed_memory(void **state)
{
	static const size_t sizes[] = { 1, 31, 32, 4095, 4096, 4097, 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *at = secret_alloc(sizes[i]);

		assert_non_null(at);
		assert_int_equal((uintptr_t)at % 16, 0);
		for (size_t n = 0; n < sizes[i]; n++)
			assert_int_equal(at[n], 0);
		memset(at, 0xa5, sizes[i]);
		secret_free(at, sizes[i]);
	}
}

/* Left out of core dumps, and in memory only when the system lets this process lock it. */
static void
tells_the_kernel_that_it_is_secret(void **state)
{
	void *at = secret_alloc(5000),
	     *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char flags[512], locked_flags[512];

	(void)state;
	assert_non_null(at);
	assert_true(page != MAP_FAILED);
	assert_true(mapping_flags(at, flags, sizeof(flags)));
	assert_non_null(strstr(flags, " dd"));

	/* What a plain mlock() does here decides: sanitizers turn it into nothing. */
	if (mlock(page, 4096) == 0) {
		assert_true(mapping_flags(page, locked_flags, sizeof(locked_flags)));
		assert_true(
		    (strstr(locked_flags, " lo") != NULL) == (strstr(flags, " lo") != NULL));
	}
	munmap(page, 4096);
	secret_free(at, 5000);
}

static void
gives_the_memory_back(void **state)
{
	size_t size = (size_t)1 << 20; /* alone in its mapping */
	uint8_t *at = secret_alloc(size);
	unsigned char there[256];

	(void)state;
	assert_non_null(at);
	assert_int_equal(mincore(at, size, there), 0);
	secret_free(at, size);
	assert_int_equal(mincore(at, size, there), -1);
	assert_int_equal(errno, ENOMEM);
	secret_free(NULL, size);
}

/* What was given back comes again, with nothing in it, for the same size. */
static void
wipes_what_comes_again(void **state)
{
	static const uint8_t nothing[3000];
	uint8_t *first = secret_alloc(sizeof(nothing)), *second;

	(void)state;
	assert_non_null(first);
	memset(first, 0xa5, sizeof(nothing));
	secret_free(first, sizeof(nothing));
	second = secret_alloc(sizeof(nothing));
	assert_ptr_equal(second, first);
	assert_memory_equal(second, nothing, sizeof(nothing));
	secret_free(second, sizeof(nothing));
}

/* More pieces than a process may have mappings, none over another. */
static void
gives_more_pieces_than_mappings(void **state)
{
	enum { PIECES = 100000, SIZE = 300 };
	uint8_t **at = calloc(PIECES, sizeof(*at));

	(void)state;
	assert_non_null(at);
	for (size_t n = 0; n < PIECES; n++) {
		at[n] = secret_alloc(SIZE);
		assert_non_null(at[n]);
		memset(at[n], (int)(n % 251) + 1, SIZE);
	}
	for (size_t n = 0; n < PIECES; n++) {
		assert_int_equal(at[n][0], n % 251 + 1);
		assert_int_equal(at[n][SIZE - 1], n % 251 + 1);
		secret_free(at[n], SIZE);
	}
	free(at);
}

static void
refuses_sizes_that_cannot_be(void **state)
{
	(void)state;
	assert_null(secret_alloc(SIZE_MAX));
	assert_null(secret_alloc(SIZE_MAX - 4094));
	assert_null(secret_alloc(SIZE_MAX / 2));
}

/* In a child without the right to lock memory: 0 when all was as it should be. */
static int
alloc_without_lock(void)
{
	const struct rlimit none = { 0, 0 };
	uint8_t *at, *page;
	bool refused;

	if (setrlimit(RLIMIT_MEMLOCK, &none) != 0)
		return 1;
	if (geteuid() == 0 && setuid(65534) != 0)
		return 2;
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 3;
	refused = mlock(page, 4096) != 0; /* a sanitizer's mlock() never is */

	at = secret_alloc((size_t)1 << 20); /* larger than what may be locked already */
	if (at == NULL)
		return 4;
	memset(at, 1, (size_t)1 << 20);
	if (secret_locked() == refused)
		return 5;
	secret_free(at, (size_t)1 << 20);
	return secret_locked() == refused ? 6 : 0; /* "from then on" */
}

static void
gives_memory_that_cannot_be_locked_and_says_so(void **state)
{
	int status = 0;
	pid_t child;

	(void)state;
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(alloc_without_lock());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
wipes(void **state)
{
	uint8_t bytes[40];
	static const uint8_t zeros[sizeof(bytes)];

	(void)state;
	memset(bytes, 0x7e, sizeof(bytes));
	secret_wipe(bytes + 4, 32);
	assert_memory_equal(bytes + 4, zeros, 32);
	assert_int_equal(bytes[3], 0x7e);
	assert_int_equal(bytes[36], 0x7e);
	secret_wipe(bytes, 0);
	assert_int_equal(bytes[0], 0x7e);
}

static void
compares(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	memset(a, 0x31, sizeof(a));
	memcpy(b, a, sizeof(b));
	assert_true(secret_equal(a, b, sizeof(a)));
	for (size_t bit = 0; bit < 8 * sizeof(b); bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(secret_equal(a, b, sizeof(a)));
		assert_true(secret_equal(a, b, bit / 8)); /* what lies behind does not count */
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_zeroed_memory),
		cmocka_unit_test(tells_the_kernel_that_it_is_secret),
		cmocka_unit_test(gives_the_memory_back),
		cmocka_unit_test(wipes_what_comes_again),
		cmocka_unit_test(gives_more_pieces_than_mappings),
		cmocka_unit_test(refuses_sizes_that_cannot_be),
		cmocka_unit_test(gives_memory_that_cannot_be_locked_and_says_so),
		cmocka_unit_test(wipes),
		cmocka_unit_test(compares),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
