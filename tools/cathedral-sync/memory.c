/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/memory.h"

#include "protocol/crypto/secret.h"

#include <jansson.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Only the main thread uses Jansson. */
static size_t used, limit = SIZE_MAX;
static bool lacked;

void *
memory_take(size_t size)
{
	return malloc(size);
}

void *
memory_take_zeroed(size_t count, size_t size)
{
	return calloc(count, size);
}

void
memory_give_back(void *at)
{
	if (at != NULL)
		secret_wipe(at, malloc_usable_size(at));
	free(at);
}

/* realloc() would leave what was where it was. */
void *
memory_resize(void *at, size_t size)
{
	size_t before = at == NULL ? 0 : malloc_usable_size(at);
	void *fresh;

	if (size == 0) {
		memory_give_back(at);
		return NULL;
	}
	fresh = malloc(size);
	if (fresh == NULL || at == NULL)
		return fresh;
	memcpy(fresh, at, before < size ? before : size);
	memory_give_back(at);
	return fresh;
}

char *
memory_copy(const char *text)
{
	return strdup(text);
}

void
memory_trim(void)
{
	malloc_trim(0);
}

static void *
json_take(size_t size)
{
	void *at = size <= limit && used <= limit - size ? malloc(size) : NULL;

	if (at == NULL)
		lacked = true;
	else
		used += malloc_usable_size(at);
	return at;
}

static void
json_give_back(void *at)
{
	size_t size = at == NULL ? 0 : malloc_usable_size(at);

	used -= size < used ? size : used;
	memory_give_back(at);
}

void
memory_for_json(void)
{
	json_set_alloc_funcs(json_take, json_give_back);
}

void
memory_json_begin(size_t most)
{
	used = 0;
	limit = most;
	lacked = false;
}

bool
memory_json_sufficed(void)
{
	return !lacked;
}
