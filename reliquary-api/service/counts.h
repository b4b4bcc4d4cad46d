/* SPDX-License-Identifier: ISC */
/* What is counted: any thread adds, /metrics reads. */
#ifndef RELIQUARY_API_SERVICE_COUNTS_H
#define RELIQUARY_API_SERVICE_COUNTS_H

#include <stdatomic.h>
#include <stdint.h>

/* name, help: one list for the fields, /metrics and the documents. */
#define COUNTS(X)                                                                                  \
	X(groups, "write transactions committed")                                                  \
	X(group_jobs, "writes in them")                                                            \
	X(group_failures, "write transactions that failed")                                        \
	X(queue_full, "writes refused because too many waited")                                    \
	X(rate_limited, "requests refused by a rate limit")                                        \
	X(token_wrong, "requests with a token that is nobody's")                                   \
	X(uploads, "uploads received whole and kept")                                              \
	X(upload_bytes, "bytes of uploads received")                                               \
	X(uploads_refused, "uploads that were wrong, or not allowed")                              \
	X(repeats, "requests answered from a first answer")                                        \
	X(registrations, "accounts made")                                                          \
	X(upkeep_ended, "rows that ended in the background")                                       \
	X(upkeep_files, "files without owner removed")                                             \
	X(checkpoints, "checkpoints of the database")

#define COUNTS_FIELD(name, help) _Atomic uint64_t name;

#define COUNTS_BUCKETS 14 /* of request durations: see counts_bucket_us() */

struct counts {
	COUNTS(COUNTS_FIELD)
	_Atomic uint64_t status[6]; /* answers by hundreds: 1 .. 5; 0: client went away */
	_Atomic uint64_t duration[COUNTS_BUCKETS + 1]; /* the last: longer than all */
	_Atomic uint64_t duration_ns;                  /* of all requests */
	_Atomic uint64_t queue;                        /* writes that wait now */
	_Atomic uint64_t waiting;                      /* requests that wait for a change now */
	_Atomic uint64_t writes_ok_s;                  /* monotonic second of the last commit */
	_Atomic uint64_t writes_failing;               /* 1 when the last write failed */
};

static inline void
counts_add(_Atomic uint64_t *count, uint64_t n)
{
	atomic_fetch_add_explicit(count, n, memory_order_relaxed);
}

static inline uint64_t
counts_read(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

/* The upper end of a bucket in microseconds: 100, 200, 500, 1000, … */
uint64_t counts_bucket_us(unsigned bucket);
void counts_duration(struct counts *c, uint64_t ns);

#endif
