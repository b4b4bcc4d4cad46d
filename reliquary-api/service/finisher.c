/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/finisher.h"

#include "base/thread.h"

#include <stdlib.h>

struct finisher {
	struct lane lane;
	pthread_t thread;
};

static void *
finisher_run(void *arg)
{
	struct finisher *f = arg;
	struct lane_item *item;
	unsigned count;

	thread_name("finisher");
	while ((item = lane_take(&f->lane, 1, &count)) != NULL) {
		struct chore *chore = (struct chore *)item;

		chore->run(chore);
	}
	return NULL;
}

struct finisher *
finisher_create(unsigned queue_max, struct fault *why)
{
	struct finisher *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		fault_set(why, "not enough memory for the finisher");
		return NULL;
	}
	lane_open(&f->lane, queue_max);
	if (thread_start(&f->thread, finisher_run, f))
		return f;
	fault_set(why, "the finisher's thread cannot be started");
	lane_close(&f->lane);
	free(f);
	return NULL;
}

bool
finisher_submit(struct finisher *f, struct chore *chore)
{
	return lane_put(&f->lane, &chore->wait);
}

void
finisher_destroy(struct finisher *f)
{
	if (f == NULL)
		return;
	lane_end(&f->lane);
	pthread_join(f->thread, NULL);
	lane_close(&f->lane);
	free(f);
}
