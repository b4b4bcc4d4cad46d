/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/inquiry.h"

#include <unistd.h>

#define ANSWER_MAX (1 << 20)

struct inquiry
inquiry_for(const char *path, const char *question, uint64_t patience_ns)
{
	return (struct inquiry){
		.path = path, .question = question, .patience_ns = patience_ns, .call.fd = -1
	};
}

void
inquiry_close(struct inquiry *q)
{
	control_end(&q->call);
}

void
inquiry_want(struct inquiry *q)
{
	q->again = true;
}

static bool
is_under_way(const struct inquiry *q)
{
	return q->call.fd != -1;
}

struct pollfd
inquiry_poll(const struct inquiry *q)
{
	if (!is_under_way(q))
		return (struct pollfd){ .fd = -1 };
	return (struct pollfd){ .fd = q->call.fd, .events = control_events(&q->call) };
}

uint64_t
inquiry_due_ns(const struct inquiry *q, uint64_t now_ns)
{
	if (is_under_way(q))
		return q->until_ns;
	return q->again ? now_ns : UINT64_MAX;
}

static enum inquiry_event
go_on(struct inquiry *q, uint64_t now_ns, struct fault *why)
{
	switch (control_step(&q->call, why)) {
	case CONTROL_ANSWERED:
		/* The text stays until the next turn. */
		close(q->call.fd);
		q->call.fd = -1;
		return INQUIRY_ANSWERED;
	case CONTROL_FAILED:
		control_end(&q->call);
		return INQUIRY_FAILED;
	case CONTROL_UNDER_WAY:
		break;
	}
	if (now_ns < q->until_ns)
		return INQUIRY_QUIET;
	fault_set(why, "%s: the cathedral does not answer", q->path);
	control_end(&q->call);
	return INQUIRY_FAILED;
}

enum inquiry_event
inquiry_turn(struct inquiry *q, uint64_t now_ns, struct fault *why)
{
	if (is_under_way(q))
		return go_on(q, now_ns, why);
	control_end(&q->call);
	if (!q->again)
		return INQUIRY_QUIET;
	q->again = false;
	q->until_ns = now_ns + q->patience_ns;
	if (!control_begin(&q->call, q->path, q->question, ANSWER_MAX, why))
		return INQUIRY_FAILED;
	return go_on(q, now_ns, why);
}

const char *
inquiry_answer(const struct inquiry *q, size_t *len)
{
	*len = q->call.len;
	return q->call.text != NULL ? q->call.text : "";
}
