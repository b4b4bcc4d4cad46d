/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/kmac.h"

#include "protocol/crypto/kmac_parts.h"
#include "protocol/crypto/secret.h"

#include <assert.h>
#include <byteswap.h>

#define LANE          sizeof(uint64_t)
#define ENCODED_MAX   9    /* a length byte and up to 8 bytes of number */
#define CSHAKE_SUFFIX 0x04 /* the two zero bits of cSHAKE and the first bit of the padding */
#define BITS_PER_BYTE 8

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

static void
absorb_label(struct sponge *s, const char *label)
{
	absorb_left_encoded(s, KECCAK_RATE_256);
	absorb_string(s, "KMAC", 4);
	absorb_string(s, label, strlen(label));
	absorb_block_end(s);
}

static void
absorb_key(struct sponge *s, const void *key, size_t key_len)
{
	absorb_left_encoded(s, KECCAK_RATE_256);
	absorb_string(s, key, key_len);
}

void
kmac_prefix_init(struct kmac_prefix *p, const char *label, const void *key, size_t key_len)
{
	struct sponge s = { .at = 0 };

	absorb_label(&s, label);
	absorb_key(&s, key, key_len);
	absorb_block_end(&s);
	memcpy(p->state, s.state, sizeof(p->state));
	secret_wipe(&s, sizeof(s));
}

/* Keys are so short that they end within a block: what is left is a permutation of each state. */
void
kmac_prefixes_init(struct kmac_prefix *const *p, const char *label, const uint8_t *const *keys,
    size_t key_len, size_t count)
{
	struct sponge labelled = { .at = 0 }, s;
	uint64_t *states[KECCAK_WIDE];

	assert(key_len <= KMAC_KEYS_LEN_MAX);
	absorb_label(&labelled, label);
	for (size_t done = 0, some; done < count; done += some) {
		some = count - done < KECCAK_WIDE ? count - done : KECCAK_WIDE;
		for (size_t n = 0; n < some; n++) {
			s = labelled;
			absorb_key(&s, keys[done + n], key_len);
			states[n] = p[done + n]->state;
			memcpy(states[n], s.state, sizeof(s.state));
		}
		keccak_permute_all(states, some);
	}
	if (count > 0)
		secret_wipe(&s, sizeof(s));
}

void
kmac_job_begin(struct sponge *s, const struct kmac_job *job)
{
	memcpy(s->state, job->prefix->state, sizeof(s->state));
	s->at = 0;
	sponge_absorb(s, job->input, job->input_len);
	absorb_right_encoded(s, (uint64_t)job->out_len * BITS_PER_BYTE);

	s->state[s->at / LANE] ^= (uint64_t)CSHAKE_SUFFIX << (s->at % LANE * BITS_PER_BYTE);
	s->state[KECCAK_RATE_256 / LANE - 1] ^= KMAC_PADDING_END;
}

uint64_t
kmac_job_end(size_t out_len)
{
	uint64_t bits = (uint64_t)out_len * BITS_PER_BYTE, end;
	unsigned len = 1;

	while (bits >> (len * BITS_PER_BYTE) != 0)
		len++;
	assert(len + 2 <= LANE);
	end = (uint64_t)CSHAKE_SUFFIX << BITS_PER_BYTE | len;
	return end << (len * BITS_PER_BYTE) | bswap_64(bits) >> ((LANE - len) * BITS_PER_BYTE);
}

/* The reference that kmac_jobs_wide() is compared with; returns how many permutations it took. */
static size_t
jobs_one_by_one(const struct kmac_job *jobs, size_t count, bool mask)
{
	struct sponge s;
	size_t permuted = 0;

	for (size_t i = 0; i < count; i++) {
		size_t done = 0;

		kmac_job_begin(&s, &jobs[i]);
		do {
			keccak_permute(s.state);
			permuted++;
			done += kmac_block_out(&jobs[i], done, s.state, 1, mask);
		} while (done < jobs[i].out_len);
	}
	if (count > 0)
		secret_wipe(&s, sizeof(s));
	return permuted;
}

void
kmac_run(const struct kmac_job *jobs, size_t count)
{
	kmac_run_by(keccak_best_way(), jobs, count, false);
}

void
kmac_mask(const struct kmac_job *jobs, size_t count)
{
	kmac_run_by(keccak_best_way(), jobs, count, true);
}

size_t
kmac_run_by(enum keccak_way way, const struct kmac_job *jobs, size_t count, bool mask)
{
	/* One job alone is faster without AVX2's vectors, and as fast among four of AVX-512's. */
	if (way == KECCAK_ONE_BY_ONE || count == 0 || (way == KECCAK_AVX2 && count == 1))
		return jobs_one_by_one(jobs, count, mask);
	return kmac_jobs_wide(way, jobs, count, mask);
}

void
kmac256(void *out, size_t out_len, const void *key, size_t key_len, const void *input,
    size_t input_len, const char *label)
{
	struct kmac_prefix prefix;
	const struct kmac_job job = { &prefix, input, input_len, out, out_len };

	kmac_prefix_init(&prefix, label, key, key_len);
	jobs_one_by_one(&job, 1, false);
	secret_wipe(&prefix, sizeof(prefix));
}
