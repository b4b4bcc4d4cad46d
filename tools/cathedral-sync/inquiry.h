/* SPDX-License-Identifier: ISC */
/*
 * A question to the cathedral that is asked again and again, over its control socket.  A cathedral
 * that is away, or hangs, keeps nobody waiting.
 */
#ifndef CATHEDRAL_SYNC_INQUIRY_H
#define CATHEDRAL_SYNC_INQUIRY_H

#include "base/fault.h"
#include "tools/control/ask.h"

#include <poll.h>
#include <stdint.h>

struct inquiry {
	const char *path, *question;
	uint64_t patience_ns;
	struct control_call call;
	uint64_t until_ns; /* of the call that is under way */
	bool again;        /* it was wanted once more meanwhile */
};

struct inquiry inquiry_for(const char *path, const char *question, uint64_t patience_ns);
void inquiry_close(struct inquiry *q);

/* Asks; while it is asked already, once more afterwards. */
void inquiry_want(struct inquiry *q);

/* What to poll for; fd is -1 when there is nothing. */
struct pollfd inquiry_poll(const struct inquiry *q);

/* When it must be looked after at the latest. */
uint64_t inquiry_due_ns(const struct inquiry *q, uint64_t now_ns);

enum inquiry_event { INQUIRY_QUIET, INQUIRY_ANSWERED, INQUIRY_FAILED };

/*
 * Goes on as far as it goes.  Answered: inquiry_answer() is it until the next turn; failed: with
 * the reason.
 */
enum inquiry_event inquiry_turn(struct inquiry *q, uint64_t now_ns, struct fault *why);
const char *inquiry_answer(const struct inquiry *q, size_t *len);

#endif
