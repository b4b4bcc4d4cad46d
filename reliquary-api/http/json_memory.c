/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/json_memory.h"

#include <jansson.h>
#include <pthread.h>
#include <stddef.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static json_malloc_t take_before;
static _Thread_local bool lacked;

static void *
take(size_t size)
{
	void *taken = take_before(size);

	if (taken == NULL)
		lacked = true;
	return taken;
}

static void
watch(void)
{
	json_free_t give_back;

	json_get_alloc_funcs(&take_before, &give_back);
	json_set_alloc_funcs(take, give_back);
}

void
json_memory_watch(void)
{
	pthread_once(&once, watch);
}

void
json_memory_begin(void)
{
	lacked = false;
}

bool
json_memory_sufficed(void)
{
	return !lacked;
}
