/* SPDX-License-Identifier: ISC */
#include "tools/reliquary-pow/search.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/work.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define TRIES_AT_ONCE 4096
#define PROGRESS_NS   (NS_PER_S / 2)

/* What the threads share: each takes the next tries that nobody took. */
struct hunt {
	const struct search *search;
	size_t challenge_len;
	_Atomic uint64_t next;
	atomic_bool found;
	pthread_mutex_t lock;
	pthread_cond_t end;
	char nonce[SEARCH_NONCE]; /* under the lock, as found is set */
};

static void
write_nonce(char nonce[static SEARCH_NONCE], uint64_t value)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(value >> (56 - 8 * i));
	hex_encode(nonce, bytes, sizeof(bytes));
}

static void
tell(struct hunt *h, const char nonce[static SEARCH_NONCE])
{
	pthread_mutex_lock(&h->lock);
	memcpy(h->nonce, nonce, SEARCH_NONCE);
	atomic_store(&h->found, true);
	pthread_cond_signal(&h->end);
	pthread_mutex_unlock(&h->lock);
}

static void *
hunt_run(void *arg)
{
	struct hunt *h = arg;
	const struct search *s = h->search;
	char nonce[SEARCH_NONCE];

	while (!atomic_load(&h->found)) {
		uint64_t first = atomic_fetch_add(&h->next, TRIES_AT_ONCE);

		for (uint64_t n = first; n < first + TRIES_AT_ONCE; n++) {
			write_nonce(nonce, n);
			if (work_bits(s->challenge, h->challenge_len, nonce, strlen(nonce)) <
			    s->bits)
				continue;
			tell(h, nonce);
			return NULL;
		}
	}
	return NULL;
}

/* Until it is found; only the main thread shows how far it is. */
static void
hunt_wait(struct hunt *h)
{
	const struct search *s = h->search;
	uint64_t begun = clock_now().mono_ns, due = begun;

	pthread_mutex_lock(&h->lock);
	while (!atomic_load(&h->found)) {
		struct timespec until;

		due += PROGRESS_NS;
		until.tv_sec = (time_t)(due / NS_PER_S);
		until.tv_nsec = (long)(due % NS_PER_S);
		while (!atomic_load(&h->found) &&
		       pthread_cond_timedwait(&h->end, &h->lock, &until) == 0)
			continue;
		if (s->progress != NULL && !atomic_load(&h->found))
			s->progress(s, atomic_load(&h->next),
			    (double)(clock_now().mono_ns - begun) / (double)NS_PER_S);
	}
	pthread_mutex_unlock(&h->lock);
}

static void
hunt_open(struct hunt *h)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&h->end, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&h->lock, NULL);
}

bool
search_run(const struct search *s, char nonce[static SEARCH_NONCE], struct fault *why)
{
	struct hunt h = { .search = s, .challenge_len = strlen(s->challenge) };
	pthread_t threads[SEARCH_THREADS_MAX];
	unsigned started = 0;
	int rc = 0;

	hunt_open(&h);
	for (; started < s->threads && started < SEARCH_THREADS_MAX; started++) {
		rc = pthread_create(&threads[started], NULL, hunt_run, &h);
		if (rc != 0)
			break;
	}
	/* Fewer threads than wanted take longer, that is all. */
	if (started > 0)
		hunt_wait(&h);
	for (unsigned n = 0; n < started; n++)
		pthread_join(threads[n], NULL);
	pthread_cond_destroy(&h.end);
	pthread_mutex_destroy(&h.lock);
	if (started == 0)
		return fault_set(why, "no thread can be started: %s", strerror(rc));
	memcpy(nonce, h.nonce, SEARCH_NONCE);
	return true;
}
