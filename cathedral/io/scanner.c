/* SPDX-License-Identifier: ISC */
#include "cathedral/io/scanner.h"

#include "base/clock.h"
#include "base/thread.h"
#include "cathedral/io/batch_sender.h"
#include "cathedral/io/shift.h"
#include "cathedral/relay/pipeline.h"

#include <stdlib.h>
#include <time.h>

#define NAP_MS 50 /* the longest sleep, so that stopping is prompt */

struct scanner {
	struct shift shift;
	struct lookups *lookups;
	struct batch_sender *sender;
	struct pipeline *pipeline;
	struct budget budget;
	struct lookup taken[LOOKUPS_TOGETHER];
	struct packet packet;
};

struct budget
budget_new(unsigned percent, uint64_t now_ns)
{
	return (
	    struct budget){ .percent = percent, .seen_ns = now_ns, .credit_ns = BUDGET_BURST_NS };
}

unsigned
budget_wait_ms(struct budget *b, uint64_t now_ns)
{
	uint64_t passed = now_ns - b->seen_ns;
	uint64_t burst_takes = (uint64_t)BUDGET_BURST_NS * 100 / b->percent;
	int64_t earned;

	/* Time that would fill it many times over fills it once; short of that nothing overflows.
	 */
	if (passed > 100 * burst_takes)
		passed = 100 * burst_takes;
	earned = (int64_t)(passed * b->percent / 100);
	b->seen_ns = now_ns;
	b->credit_ns += earned;
	if (b->credit_ns > BUDGET_BURST_NS)
		b->credit_ns = BUDGET_BURST_NS;
	if (b->credit_ns > 0)
		return 0;
	return (unsigned)((uint64_t)-b->credit_ns * 100 / b->percent / NS_PER_MS + 1);
}

void
budget_spend(struct budget *b, uint64_t cpu_ns)
{
	b->credit_ns -= (int64_t)cpu_ns;
}

uint64_t
budget_in_vain(uint64_t cpu_ns, size_t count, size_t accepted)
{
	return cpu_ns / count * (count - accepted);
}

/* Waits until there is credit; false when it is time to end. */
static bool
wait_for_credit(struct scanner *s)
{
	unsigned wait_ms;

	while ((wait_ms = budget_wait_ms(&s->budget, clock_now().mono_ns)) > 0) {
		struct timespec nap = { .tv_nsec = 0 };

		if (lookups_stopped(s->lookups))
			return false;
		nap.tv_nsec = (long)((wait_ms < NAP_MS ? wait_ms : NAP_MS) * NS_PER_MS);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	}
	return !lookups_stopped(s->lookups);
}

static void
work(void *arg)
{
	struct scanner *s = arg;

	thread_yields();
	while (wait_for_credit(s)) {
		size_t count = lookups_next(s->lookups, s->taken, LOOKUPS_TOGETHER, 1000), accepted;
		uint64_t before;

		if (count == 0)
			continue;
		before = clock_thread_cpu_ns();
		accepted = pipeline_look_up(s->pipeline, s->taken, count, &s->packet, clock_now());
		budget_spend(
		    &s->budget, budget_in_vain(clock_thread_cpu_ns() - before, count, accepted));
	}
}

struct scanner *
scanner_start(struct site *site, const struct sockets *sockets,
    const struct scanner_options *options, struct stats *stats, struct random *seed,
    struct fault *why)
{
	struct scanner *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		fault_set(why, "scanner: out of memory");
		return NULL;
	}
	s->lookups = site->lookups;
	s->budget = budget_new(options->percent, clock_now().mono_ns);
	/* Its answers are few; they go out by the first worker's sockets. */
	s->sender = batch_sender_create(sockets, 0, stats);
	if (s->sender != NULL)
		s->pipeline =
		    pipeline_create(site, options->slot, batch_sender_of(s->sender), stats, seed);
	if (s->pipeline != NULL && shift_start(&s->shift, "scanner", work, s))
		return s;
	fault_set(why, "scanner: cannot be started");
	scanner_stop(s);
	return NULL;
}

void
scanner_pause(struct scanner *s)
{
	lookups_stop(s->lookups);
	shift_rest(&s->shift);
}

void
scanner_resume(struct scanner *s)
{
	lookups_go_on(s->lookups);
	shift_call(&s->shift);
}

void
scanner_stop(struct scanner *s)
{
	if (s == NULL)
		return;
	scanner_pause(s);
	shift_end(&s->shift);
	pipeline_destroy(s->pipeline);
	batch_sender_destroy(s->sender);
	free(s);
}
