/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/kmac.h"

#include "protocol/crypto/keccak_wide.h"
#include "protocol/crypto/secret.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#define LANE          sizeof(uint64_t)
#define ENCODED_MAX   9    /* a length byte and up to 8 bytes of number */
#define CSHAKE_SUFFIX 0x04 /* the two zero bits of cSHAKE and the first bit of the padding */
#define PADDING_END   0x80
#define BITS_PER_BYTE 8

/* A Keccak state that is being fed; at counts the bytes of the current block. */
struct sponge {
	uint64_t state[KECCAK_LANES];
	size_t at;
};

static void
sponge_byte(struct sponge *s, uint8_t byte)
{
	s->state[s->at / LANE] ^= (uint64_t)byte << (s->at % LANE * BITS_PER_BYTE);
	if (++s->at == KECCAK_RATE_256) {
		keccak_permute(s->state);
		s->at = 0;
	}
}

static void
sponge_absorb(struct sponge *s, const void *data, size_t len)
{
	const uint8_t *in = data;
	uint64_t word;

	while (len > 0) {
		if (s->at % LANE != 0 || len < LANE) {
			sponge_byte(s, *in);
			in++;
			len--;
			continue;
		}
		memcpy(&word, in, LANE);
		s->state[s->at / LANE] ^= le64toh(word);
		s->at += LANE;
		in += LANE;
		len -= LANE;
		if (s->at == KECCAK_RATE_256) {
			keccak_permute(s->state);
			s->at = 0;
		}
	}
}

/* The bytes of n without leading zeros, at least one, big-endian; returns how many. */
static size_t
number_encode(uint8_t out[static LANE], uint64_t n)
{
	size_t len = 1, i;

	while (len < LANE && n >> (len * BITS_PER_BYTE) != 0)
		len++;
	for (i = 0; i < len; i++)
		out[i] = (uint8_t)(n >> ((len - 1 - i) * BITS_PER_BYTE));
	return len;
}

static void
absorb_left_encoded(struct sponge *s, uint64_t n)
{
	uint8_t text[ENCODED_MAX];

	text[0] = (uint8_t)number_encode(text + 1, n);
	sponge_absorb(s, text, 1u + text[0]);
}

static void
absorb_right_encoded(struct sponge *s, uint64_t n)
{
	uint8_t text[ENCODED_MAX];
	size_t len = number_encode(text, n);

	text[len] = (uint8_t)len;
	sponge_absorb(s, text, len + 1);
}

static void
absorb_string(struct sponge *s, const void *data, size_t len)
{
	absorb_left_encoded(s, (uint64_t)len * BITS_PER_BYTE);
	sponge_absorb(s, data, len);
}

/* Zeros up to the end of the block: nothing to XOR. */
static void
absorb_block_end(struct sponge *s)
{
	if (s->at == 0)
		return;
	keccak_permute(s->state);
	s->at = 0;
}

void
kmac_prefix_init(struct kmac_prefix *p, const char *label, const void *key, size_t key_len)
{
	struct sponge s = { .at = 0 };

	absorb_left_encoded(&s, KECCAK_RATE_256);
	absorb_string(&s, "KMAC", 4);
	absorb_string(&s, label, strlen(label));
	absorb_block_end(&s);

	absorb_left_encoded(&s, KECCAK_RATE_256);
	absorb_string(&s, key, key_len);
	absorb_block_end(&s);

	memcpy(p->state, s.state, sizeof(p->state));
	secret_wipe(&s, sizeof(s));
}

/* Everything of a job up to the permutation that gives its first block of output. */
static void
job_absorb(struct sponge *s, const struct kmac_job *job)
{
	memcpy(s->state, job->prefix->state, sizeof(s->state));
	s->at = 0;
	sponge_absorb(s, job->input, job->input_len);
	absorb_right_encoded(s, (uint64_t)job->out_len * BITS_PER_BYTE);

	s->state[s->at / LANE] ^= (uint64_t)CSHAKE_SUFFIX << (s->at % LANE * BITS_PER_BYTE);
	s->state[KECCAK_RATE_256 / LANE - 1] ^= (uint64_t)PADDING_END
						<< ((LANE - 1) * BITS_PER_BYTE);
}

/*
 * A block of output from a state whose lanes lie `stride` apart: written to out, or XORed into it.
 */
static inline __attribute__((always_inline)) void
block_out(uint8_t *out, const uint64_t *state, size_t stride, size_t len, bool mask)
{
	uint64_t word, old = 0;
	size_t i;

	for (i = 0; i + LANE <= len; i += LANE) {
		if (mask)
			memcpy(&old, out + i, LANE);
		word = htole64(state[i / LANE * stride]) ^ old;
		memcpy(out + i, &word, LANE);
	}
	if (i < len) {
		if (mask)
			memcpy(&old, out + i, len - i);
		word = htole64(state[i / LANE * stride]) ^ old;
		memcpy(out + i, &word, len - i);
	}
}

static size_t
part_of(const struct kmac_job *job, size_t done)
{
	size_t left = job->out_len - done;

	return left < KECCAK_RATE_256 ? left : KECCAK_RATE_256;
}

static void
job_run(struct sponge *s, const struct kmac_job *job, bool mask)
{
	size_t done = 0, part;

	job_absorb(s, job);
	do {
		keccak_permute(s->state);
		part = part_of(job, done);
		block_out(job->out + done, s->state, 1, part, mask);
		done += part;
	} while (done < job->out_len);
}

/* ---- several jobs at once: each of the wide state's places works on one until it is done ---- */

struct place {
	const struct kmac_job *job; /* NULL: no job is left for it */
	size_t done;
};

static void
place_fill(struct keccak_wide *w, size_t n, struct place *p, const struct kmac_job *job)
{
	struct sponge s;

	job_absorb(&s, job);
	for (size_t i = 0; i < KECCAK_LANES; i++)
		w->lanes[i][n] = s.state[i];
	*p = (struct place){ job, 0 };
	secret_wipe(&s, sizeof(s));
}

/* Takes the block that is ready; true when the job has all it wanted. */
static bool
place_take(const struct keccak_wide *w, size_t n, struct place *p, bool mask)
{
	size_t part = part_of(p->job, p->done);

	block_out(p->job->out + p->done, &w->lanes[0][n], KECCAK_WIDE, part, mask);
	p->done += part;
	return p->done >= p->job->out_len;
}

static void
jobs_run_wide(const struct kmac_job *jobs, size_t count, bool mask, enum keccak_way way)
{
	struct place places[KECCAK_WIDE] = { { NULL, 0 } };
	size_t next = 0, busy = 0;
	struct keccak_wide w;

	memset(&w, 0, sizeof(w));
	while (busy < KECCAK_WIDE && next < count) {
		place_fill(&w, busy, &places[busy], &jobs[next++]);
		busy++;
	}
	while (busy > 0) {
		keccak_permute_wide(&w, way);
		for (size_t n = 0; n < KECCAK_WIDE; n++) {
			struct place *p = &places[n];

			if (p->job == NULL || !place_take(&w, n, p, mask))
				continue;
			if (next < count) {
				place_fill(&w, n, p, &jobs[next++]);
				continue;
			}
			p->job = NULL;
			busy--;
		}
	}
	secret_wipe(&w, sizeof(w));
}

static void
jobs_run_one_by_one(const struct kmac_job *jobs, size_t count, bool mask)
{
	struct sponge s;

	for (size_t i = 0; i < count; i++)
		job_run(&s, &jobs[i], mask);
	if (count > 0)
		secret_wipe(&s, sizeof(s));
}

static void
jobs_run(const struct kmac_job *jobs, size_t count, bool mask, enum keccak_way way)
{
	if (count < 2 || way == KECCAK_ONE_BY_ONE)
		jobs_run_one_by_one(jobs, count, mask);
	else
		jobs_run_wide(jobs, count, mask, way);
}

void
kmac_run(const struct kmac_job *jobs, size_t count)
{
	jobs_run(jobs, count, false, keccak_best_way());
}

void
kmac_mask(const struct kmac_job *jobs, size_t count)
{
	jobs_run(jobs, count, true, keccak_best_way());
}

void
kmac_run_by(enum keccak_way way, const struct kmac_job *jobs, size_t count, bool mask)
{
	jobs_run(jobs, count, mask, way);
}

void
kmac256(void *out, size_t out_len, const void *key, size_t key_len, const void *input,
    size_t input_len, const char *label)
{
	struct kmac_prefix prefix;
	const struct kmac_job job = { &prefix, input, input_len, out, out_len };

	kmac_prefix_init(&prefix, label, key, key_len);
	kmac_run(&job, 1);
	secret_wipe(&prefix, sizeof(prefix));
}
