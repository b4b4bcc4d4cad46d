/* SPDX-License-Identifier: ISC */
/*
 * What drives a fuzz target that was not built as a fuzzer:
 *
 *     fuzz_X FILE|FOLDER...                        run every input once
 *     fuzz_X --random SECONDS SEED FILE|FOLDER...  then mutations of them
 *
 * Every run gets its input in a buffer of exactly its size.  The same seed and files give the same
 * mutations, so a seed repeats what it found.
 */
#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/random.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX 65536

struct input {
	uint8_t *bytes;
	size_t len;
};

struct inputs {
	struct input *list;
	size_t count;
};

static void
run(const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len);

	if (exact == NULL && len > 0)
		abort();
	if (len > 0)
		memcpy(exact, bytes, len);
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static bool
file_add(struct inputs *all, const char *path)
{
	struct input *list = reallocarray(all->list, all->count + 1, sizeof(*list));
	struct fault why;

	if (list == NULL)
		return false;
	all->list = list;
	if (!file_read(&list[all->count].bytes, &list[all->count].len, path, INPUT_MAX, &why)) {
		fprintf(stderr, "%s\n", why.text);
		return false;
	}
	all->count++;
	return true;
}

static int
visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Files of a folder by name, so that runs from one seed are the same everywhere. */
static bool
path_add(struct inputs *all, const char *path)
{
	struct dirent **names;
	struct stat is;
	bool ok = true;
	int count;

	if (stat(path, &is) == 0 && !S_ISDIR(is.st_mode))
		return file_add(all, path);

	count = scandir(path, &names, visible, alphasort);
	if (count < 0) {
		perror(path);
		return false;
	}
	for (int i = 0; i < count; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		ok = ok && file_add(all, file);
		free(names[i]);
	}
	free(names);
	return ok;
}

/* Values at which lengths and numbers turn. */
static uint8_t
odd_byte(struct random *r)
{
	static const uint8_t odd[] = { 0x00, 0x01, 0x0a, 0x20, 0x7f, 0x80, 0xfe, 0xff };

	return random_below(r, 2) == 0 ? odd[random_below(r, sizeof(odd))] : (uint8_t)random_u64(r);
}

static void
mutate_bytes(struct random *r, uint8_t *bytes, size_t len)
{
	uint32_t at = random_below(r, (uint32_t)len);
	uint32_t most = (uint32_t)len - at < 8 ? (uint32_t)len - at : 8;

	if (random_below(r, 2) == 0) {
		bytes[at] ^= (uint8_t)(1u << random_below(r, 8));
		return;
	}
	memset(bytes + at, odd_byte(r), 1 + random_below(r, most));
}

/* Takes a piece out, or puts a piece of another input in. */
static size_t
mutate_length(struct random *r, uint8_t *bytes, size_t len, const struct input *other)
{
	uint32_t at = random_below(r, (uint32_t)len + 1), from, piece;

	if (random_below(r, 2) == 0) {
		piece = random_below(r, (uint32_t)(len - at) + 1);
		memmove(bytes + at, bytes + at + piece, len - at - piece);
		return len - piece;
	}
	from = random_below(r, (uint32_t)other->len + 1);
	piece = random_below(r, (uint32_t)(other->len - from) + 1);
	if (piece > INPUT_MAX - len)
		return len;
	memmove(bytes + at + piece, bytes + at, len - at);
	if (piece > 0)
		memcpy(bytes + at, other->bytes + from, piece);
	return len + piece;
}

static size_t
mutate(struct random *r, uint8_t *bytes, size_t len, const struct inputs *all)
{
	for (uint32_t n = 1 + random_below(r, 6); n > 0; n--) {
		if (len > 0 && random_below(r, 3) > 0)
			mutate_bytes(r, bytes, len);
		else
			len = mutate_length(
			    r, bytes, len, &all->list[random_below(r, (uint32_t)all->count)]);
	}
	return len;
}

static void
run_random(const struct inputs *all, unsigned long seconds, uint64_t seed)
{
	uint64_t end = clock_now().mono_ns + seconds * NS_PER_S, count = 0;
	uint8_t *bytes = malloc(INPUT_MAX);
	struct random r;

	if (bytes == NULL)
		abort();
	random_from_seed(&r, seed);
	while (count % 256 != 0 || clock_now().mono_ns < end) {
		const struct input *from = &all->list[random_below(&r, (uint32_t)all->count)];

		memcpy(bytes, from->bytes, from->len);
		run(bytes, mutate(&r, bytes, from->len, all));
		count++;
	}
	free(bytes);
	printf("%" PRIu64 " mutations from seed %" PRIu64 "\n", count, seed);
}

static void
inputs_free(struct inputs *all)
{
	for (size_t i = 0; i < all->count; i++)
		free(all->list[i].bytes);
	free(all->list);
}

int
main(int argc, char **argv)
{
	bool with_random = argc > 3 && strcmp(argv[1], "--random") == 0;
	struct inputs all = { 0 };
	bool ok = true;

	for (int i = with_random ? 4 : 1; i < argc; i++)
		ok = path_add(&all, argv[i]) && ok;
	for (size_t i = 0; i < all.count; i++)
		run(all.list[i].bytes, all.list[i].len);
	printf("%zu inputs\n", all.count);

	if (with_random && all.count > 0)
		run_random(&all, strtoul(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
	ok = ok && all.count > 0;
	inputs_free(&all);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
