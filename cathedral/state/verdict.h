/* SPDX-License-Identifier: ISC */
/*
 * Every packet ends in exactly one of these.  The list is also the names and explanations of the
 * counters, so metrics and documents cannot drift from the code.
 */
#ifndef CATHEDRAL_STATE_VERDICT_H
#define CATHEDRAL_STATE_VERDICT_H

#define VERDICTS(X)                                                                                \
	X(RELAYED, "relayed", "handed on to a device or another cathedral")                        \
	X(QUEUED, "queued", "waits for its turn, since the host's rate is used up")                \
	X(CONSUMED, "consumed", "accepted; whatever it asked for was answered")                    \
	X(DROP_SIZE, "size", "too short, too long or cut off")                                     \
	X(DROP_SOURCE_PORT, "source_port", "came from port 0, where nothing can be answered")      \
	X(DROP_UNKNOWN_IDENTITY, "unknown_identity", "unknown shroud identity, looked up aside")   \
	X(DROP_IDENTITY_BUDGET, "identity_budget",                                                 \
	    "unknown shroud identity, no room to look it up")                                      \
	X(DROP_UNKNOWN_KIND, "unknown_kind", "not a packet of this protocol")                      \
	X(DROP_WRONG_PORT, "wrong_port", "a kind of packet that does not belong on this port")     \
	X(DROP_NOT_ALLOWED, "not_allowed", "flock, device, domain or KEK number not allowed")      \
	X(DROP_BAD_SEAL, "bad_seal", "offer does not decrypt")                                     \
	X(DROP_STALE, "stale", "offer's timestamp is more than 10 s off")                          \
	X(DROP_REPLAY, "replay", "offer was accepted before")                                      \
	X(DROP_REPLAY_FULL, "replay_full", "no room to remember the offer")                        \
	X(DROP_DEVICE_LIMIT, "device_limit", "more offers from one device than it may send")       \
	X(DROP_BAD_SIGNATURE, "bad_signature", "offer is not signed by its device")                \
	X(DROP_BAD_TYPE, "bad_type", "offer of a type that is not its sender's to send")           \
	X(DROP_TABLE_FULL, "table_full", "no room for another tunnel or liturgy")                  \
	X(DROP_QUOTA, "quota", "the device or its flock has as much as it may have")               \
	X(DROP_NO_TUNNEL, "no_tunnel", "the tunnel is not known here")                             \
	X(DROP_SPI, "spi", "SPI is none that the receiver listens to")                             \
	X(DROP_SENDER, "sender", "does not come from where its sender is")                         \
	X(DROP_CAP, "cap", "over the receiver's Mbit/s")                                           \
	X(DROP_BUDGET_SLOW, "budget_slow", "slowed down, so that the month's budget lasts")        \
	X(DROP_BUDGET, "budget",                                                                   \
	    "data, and the month's budget of the flock or the host is used up")                    \
	X(DROP_LOOP, "loop",                                                                       \
	    "would go back to where it came from, or from cathedral to cathedral")                 \
	X(DROP_STRANGER, "stranger",                                                               \
	    "catacomb offer from an address that is no federated cathedral")                       \
	X(DROP_TOO_LARGE, "too_large", "with its shroud it would not fit a datagram")

#define VERDICT_ENUM(name, text, help) VERDICT_##name,
enum verdict { VERDICTS(VERDICT_ENUM) VERDICT_COUNT };
#undef VERDICT_ENUM

/* As in metrics: "relayed", "bad_seal". */
const char *verdict_name(enum verdict v);
const char *verdict_help(enum verdict v);

#endif
