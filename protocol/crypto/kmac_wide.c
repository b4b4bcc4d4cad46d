/* SPDX-License-Identifier: ISC */
/*
 * Several jobs at once.  Each state of the wide one works on a job until that is done and then
 * takes the next, the longest first; when no more is to come, those that are still busy are kept
 * together at the front, so that fewer have to be permuted.
 */
#include "protocol/crypto/keccak_x86.h"
#include "protocol/crypto/kmac_parts.h"
#include "protocol/crypto/secret.h"

#include <assert.h>

#if defined(__x86_64__)

#define JOBS_MAX    256 /* that are put in order together */
#define BLOCKS_MOST 15  /* longer ones count as equally long */

/* Input and what ends it fit into one block, in whole lanes. */
#define INPUT_SHORT (KECCAK_RATE_256 - sizeof(uint64_t))

struct crew {
	const struct kmac_job *jobs;
	uint8_t order[JOBS_MAX];
	size_t next, count; /* of order */
	bool mask;
	size_t busy; /* the first so many states work */
	struct {
		const struct kmac_job *job;
		size_t done; /* bytes */
	} at[KECCAK_WIDE];
	struct keccak_wide states;
};

static size_t
blocks_of(const struct kmac_job *job)
{
	size_t blocks = (job->out_len + KECCAK_RATE_256 - 1) / KECCAK_RATE_256;

	return blocks < BLOCKS_MOST ? blocks : BLOCKS_MOST;
}

static bool
are_equally_long(const struct crew *c)
{
	for (size_t n = 1; n < c->count; n++) {
		if (blocks_of(&c->jobs[n]) != blocks_of(&c->jobs[0]))
			return false;
	}
	return true;
}

/* A long job that is begun last would go on alone. */
static void
put_longest_first(struct crew *c)
{
	size_t of_length[BLOCKS_MOST + 1] = { 0 }, at = 0;

	if (are_equally_long(c)) {
		for (size_t n = 0; n < c->count; n++)
			c->order[n] = (uint8_t)n;
		return;
	}
	for (size_t n = 0; n < c->count; n++)
		of_length[blocks_of(&c->jobs[n])]++;
	for (size_t blocks = BLOCKS_MOST + 1; blocks-- > 0;) {
		size_t jobs = of_length[blocks];

		of_length[blocks] = at;
		at += jobs;
	}
	for (size_t n = 0; n < c->count; n++)
		c->order[of_length[blocks_of(&c->jobs[n])]++] = (uint8_t)n;
}

/* The job that is n behind the next. */
static const struct kmac_job *
job_ahead(const struct crew *c, size_t n)
{
	return &c->jobs[c->order[c->next + n]];
}

static bool
is_short(const struct kmac_job *job)
{
	return job->input_len <= INPUT_SHORT && job->input_len % sizeof(uint64_t) == 0;
}

static void
start_short(struct keccak_wide *w, size_t n, const struct kmac_job *job)
{
	size_t lanes = job->input_len / sizeof(uint64_t);
	uint64_t word;

	for (size_t i = 0; i < KECCAK_LANES; i++)
		w->lanes[i][n] = job->prefix->state[i];
	for (size_t i = 0; i < lanes; i++) {
		memcpy(&word, job->input + i * sizeof(word), sizeof(word));
		w->lanes[i][n] ^= word;
	}
	w->lanes[lanes][n] ^= kmac_job_end(job->out_len);
	w->lanes[KMAC_RATE_LANES - 1][n] ^= KMAC_PADDING_END;
}

static void
start_next(struct crew *c, size_t n)
{
	const struct kmac_job *job = job_ahead(c, 0);
	struct sponge s;

	c->next++;
	c->at[n].job = job;
	c->at[n].done = 0;
	if (is_short(job)) {
		start_short(&c->states, n, job);
		return;
	}
	kmac_job_begin(&s, job);
	for (size_t i = 0; i < KECCAK_LANES; i++)
		c->states.lanes[i][n] = s.state[i];
	secret_wipe(&s, sizeof(s));
}

/* Whether the next four jobs have short inputs of one length. */
static bool
next_four_are_alike(const struct crew *c)
{
	if (c->count - c->next < 4 || !is_short(job_ahead(c, 0)))
		return false;
	for (size_t n = 1; n < 4; n++) {
		if (job_ahead(c, n)->input_len != job_ahead(c, 0)->input_len)
			return false;
	}
	return true;
}

static bool
start_next_four(struct crew *c, size_t first)
{
	struct keccak_start from[4];
	size_t lanes;

	if (!next_four_are_alike(c))
		return false;
	lanes = job_ahead(c, 0)->input_len / sizeof(uint64_t);
	for (size_t n = 0; n < 4; n++) {
		const struct kmac_job *job = job_ahead(c, n);

		from[n].state = job->prefix->state;
		from[n].input = job->input;
		from[n].end = kmac_job_end(job->out_len);
		c->at[first + n].job = job;
		c->at[first + n].done = 0;
	}
	keccak_start_four_avx2(&c->states, first, from, lanes);
	c->next += 4;
	return true;
}

static void
crew_start(struct crew *c, size_t width)
{
	while (c->busy + 4 <= width && start_next_four(c, c->busy))
		c->busy += 4;
	while (c->busy < width && c->next < c->count)
		start_next(c, c->busy++);
}

static bool
give_four(struct crew *c, size_t first)
{
	uint8_t *out[4];

	if (first + 4 > c->busy)
		return false;
	for (size_t n = 0; n < 4; n++) {
		const struct kmac_job *job = c->at[first + n].job;
		size_t done = c->at[first + n].done;

		if (done + KECCAK_RATE_256 > job->out_len)
			return false;
		out[n] = job->out + done;
	}
	keccak_give_four_avx2(&c->states, first, out, c->mask);
	for (size_t n = 0; n < 4; n++)
		c->at[first + n].done += KECCAK_RATE_256;
	return true;
}

static void
crew_give(struct crew *c)
{
	for (size_t first = 0; first < c->busy; first += 4) {
		if (give_four(c, first))
			continue;
		for (size_t n = first; n < first + 4 && n < c->busy; n++)
			c->at[n].done += kmac_block_out(c->at[n].job, c->at[n].done,
			    &c->states.lanes[0][n], KECCAK_WIDE, c->mask);
	}
}

static bool
is_done(const struct crew *c, size_t n)
{
	return c->at[n].done >= c->at[n].job->out_len;
}

/* The next job takes the place of one that is done, or else the last busy state does. */
static void
replace(struct crew *c, size_t n)
{
	size_t last;

	if (c->next < c->count) {
		start_next(c, n);
		return;
	}
	last = --c->busy;
	if (n == last)
		return;
	c->at[n] = c->at[last];
	for (size_t i = 0; i < KECCAK_LANES; i++)
		c->states.lanes[i][n] = c->states.lanes[i][last];
}

static bool
replace_four(struct crew *c, size_t first)
{
	for (size_t n = first; n < first + 4; n++) {
		if (n >= c->busy || !is_done(c, n))
			return false;
	}
	return start_next_four(c, first);
}

/* From the last to the first: what moves to the front is not done itself. */
static void
crew_replace(struct crew *c)
{
	for (size_t first = KECCAK_WIDE; first > 0;) {
		first -= 4;
		if (replace_four(c, first))
			continue;
		for (size_t n = first + 4; n-- > first;) {
			if (n < c->busy && is_done(c, n))
				replace(c, n);
		}
	}
}

static size_t
crew_work(struct crew *c, enum keccak_way way)
{
	size_t permuted = 0;

	put_longest_first(c);
	crew_start(c, keccak_way_width(way));
	while (c->busy > 0) {
		permuted += keccak_permute_wide(&c->states, c->busy, way);
		crew_give(c);
		crew_replace(c);
	}
	return permuted;
}

size_t
kmac_jobs_wide(enum keccak_way way, const struct kmac_job *jobs, size_t count, bool mask)
{
	struct crew c = { .mask = mask };
	size_t permuted = 0;

	while (count > 0) {
		c.jobs = jobs;
		c.count = count < JOBS_MAX ? count : JOBS_MAX;
		c.next = 0;
		permuted += crew_work(&c, way);
		jobs += c.count;
		count -= c.count;
	}
	secret_wipe(&c.states, sizeof(c.states));
	return permuted;
}

#else

/* No way but one by one works here. */
size_t
kmac_jobs_wide(enum keccak_way way, const struct kmac_job *jobs, size_t count, bool mask)
{
	(void)way, (void)jobs, (void)count, (void)mask;
	assert(way == KECCAK_ONE_BY_ONE);
	return 0;
}

#endif
