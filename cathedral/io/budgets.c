/* SPDX-License-Identifier: ISC */
#include "cathedral/io/budgets.h"

#include "base/month.h"
#include "cathedral/io/state_file.h"

#include <inttypes.h>
#include <stdio.h>

/* Lines about flocks: a few at once, and then one in ten seconds. */
#define FLOCK_LINES    16
#define FLOCK_LINES_NS (10 * NS_PER_S)

#define GB 1e9

void
budgets_open(struct budgets *b, const char *path, struct site *site)
{
	*b = (struct budgets){
		.path = path,
		.site = site,
		.flocks = { .interval_ns = FLOCK_LINES_NS, .burst = FLOCK_LINES },
		.ok = true,
	};
}

static bool
has_file(const struct budgets *b)
{
	return b->site != NULL && b->site->budget != NULL && b->path[0] != '\0';
}

/* ---- the log ---- */

/* What becomes of the data of whoever it is about. */
static const char *
consequence(const struct budget_news *n, char *text, size_t room)
{
	switch (n->is) {
	case BUDGET_FREE:
	case BUDGET_WARNED:
	case BUDGET_STAGES:
		break;
	case BUDGET_SLOWED:
		snprintf(text, room, ": data is slowed to %.0f kB/s", (double)n->pace / 1e3);
		return text;
	case BUDGET_STOPPED:
		return ": data is not relayed any more until the month ends";
	}
	return "";
}

static void
tell_host(const struct budget_news *n)
{
	char month[MONTH_TEXT], text[64];

	month_format(n->month, month);
	if (n->month_began)
		log_info("budget: counting for %s now", month);
	if (n->is == BUDGET_FREE)
		return;
	log_warn("budget: %.3f of the %.3f GB of %s are used%s", (double)n->used / GB,
	    (double)n->limit / GB, month, consequence(n, text, sizeof(text)));
}

static void
tell_flock(struct budgets *b, const struct budget_news *n)
{
	char month[MONTH_TEXT], text[64], held[64] = "";
	uint64_t suppressed;

	if (!log_limit_allow(&b->flocks, b->heard_ns, &suppressed))
		return;
	if (suppressed > 0)
		snprintf(
		    held, sizeof(held), " (and %" PRIu64 " lines about other flocks)", suppressed);
	log_warn("budget: flock %" PRIx64 " has used %.3f of its %.3f GB of %s%s%s", n->flock.value,
	    (double)n->used / GB, (double)n->limit / GB, month_format(n->month, month),
	    consequence(n, text, sizeof(text)), held);
}

static void
hear(const struct budget_news *n, void *arg)
{
	if (n->flock.value == 0)
		tell_host(n);
	else
		tell_flock(arg, n);
}

/* ---- the file ---- */

void
budgets_read(struct budgets *b, struct instant now)
{
	const struct state_file file = { b->path, BEQUEST_MONTHS };
	struct bequest_counts counts;
	struct fault why;

	if (!has_file(b))
		return;
	switch (state_file_read(&file, b->site, now, &counts, &why)) {
	case STATE_READ:
		log_info("budget: %" PRIu64 " figures are known from before", counts.budgets);
		break;
	case STATE_NONE:
	case STATE_OLD:
		log_info("budget: counting from zero, there is no %s yet", b->path);
		break;
	case STATE_WRONG:
		log_error("budget: what was used before may be missing: %s", why.text);
		break;
	}
}

void
budgets_save(struct budgets *b, struct instant now)
{
	const struct state_file file = { b->path, BEQUEST_MONTHS };
	struct bequest_counts counts;
	struct fault why;
	bool ok;

	if (!has_file(b))
		return;
	ok = state_file_write(&file, b->site, now, &counts, &why);
	if (!ok && b->ok)
		log_error("budget: what is used is not kept for the next start: %s", why.text);
	b->ok = ok;
	b->saved_ns = now.mono_ns;
	if (ok)
		b->saved_s = now.wall_s;
}

void
budgets_begin(struct budgets *b, struct instant now)
{
	if (b->site == NULL || b->site->budget == NULL)
		return;
	b->heard_ns = now.mono_ns;
	budget_tick(b->site->budget, now, hear, b);
}

void
budgets_tick(struct budgets *b, struct instant now)
{
	budgets_begin(b, now);
	if (now.mono_ns - b->saved_ns >= BUDGETS_SAVE_S * NS_PER_S)
		budgets_save(b, now);
}
