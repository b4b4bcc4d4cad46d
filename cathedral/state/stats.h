/* SPDX-License-Identifier: ISC */
/*
 * Counters with one writer each (a worker, the scanner, the main thread), summed when read.  Field,
 * metric name and help come from one list.
 */
#ifndef CATHEDRAL_STATE_STATS_H
#define CATHEDRAL_STATE_STATS_H

#include "cathedral/state/verdict.h"

#include <stdatomic.h>
#include <stdint.h>

#define STATS(X)                                                                                   \
	X(rx_packets, "datagrams received")                                                        \
	X(rx_bytes, "bytes received")                                                              \
	X(rx_overflow, "messages lost because a socket's buffer was full, merged ones as one")     \
	X(rx_merged, "messages of several datagrams received as one")                              \
	X(tx_packets, "datagrams sent")                                                            \
	X(tx_bytes, "bytes sent")                                                                  \
	X(tx_refused, "datagrams the kernel refused to send")                                      \
	X(tx_full, "times that the kernel had no room for what was to be sent")                    \
	X(tx_runs, "messages of several datagrams sent as one")                                    \
	X(tx_runs_refused, "of these, refused and sent one by one")                                \
	X(relayed_bytes, "bytes of relayed packets without their shroud")                          \
	X(waited_sent, "packets that waited for their turn and were sent then")                    \
	X(waited_dropped, "packets that waited and were dropped, since too many did")              \
	X(info_answers, "info offers sent to devices")                                             \
	X(ambry_answers, "ambries sent to devices")                                                \
	X(ambry_pushes, "ambries sent unasked, because a new bundle arrived")                      \
	X(liturgy_answers, "liturgies sent to devices")                                            \
	X(remembrances, "remembrances sent to devices")                                            \
	X(federated_out, "announcements told to other cathedrals")                                 \
	X(federated_in, "announcements accepted from other cathedrals")                            \
	X(federated_bad, "announcements refused that were in letters of other cathedrals")         \
	X(told_changes, "announcements made because something changed")                            \
	X(told_again, "announcements made once more against loss")                                 \
	X(told_refreshes, "announcements made because it was time")                                \
	X(told_late, "announcements made for cathedrals that had missed things")                   \
	X(letters_out, "letters, of many announcements each, to other cathedrals")                 \
	X(letters_in, "letters accepted from other cathedrals")                                    \
	X(hellos_out, "hellos to other cathedrals")                                                \
	X(hellos_in, "hellos accepted from other cathedrals")                                      \
	X(answers_withheld, "answers not sent to an address that has not proven itself")           \
	X(tunnels_created, "tunnels that appeared")                                                \
	X(tunnels_moved, "tunnels whose device came from a new address")                           \
	X(spi_learned, "SPIs learned from key exchanges")                                          \
	X(identity_hits, "unknown identities found by their source address")                       \
	X(identity_scans, "unknown identities searched among all devices")                         \
	X(identity_found, "packets that waited for the search and whose identity was found")

struct stats {
	_Alignas(64) _Atomic uint64_t verdicts[VERDICT_COUNT];
#define STATS_FIELD(name, help) _Atomic uint64_t name;
	STATS(STATS_FIELD)
#undef STATS_FIELD
};

/* Only the owning thread may call this, so a plain load and store are enough. */
static inline void
stats_add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static inline uint64_t
stats_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* The counters of several threads added up; a plain copy. */
struct stats_sum {
	uint64_t verdicts[VERDICT_COUNT];
#define STATS_FIELD(name, help) uint64_t name;
	STATS(STATS_FIELD)
#undef STATS_FIELD
};

void stats_sum_add(struct stats_sum *sum, const struct stats *s);

#endif
