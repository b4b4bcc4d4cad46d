/* SPDX-License-Identifier: ISC */
#include "cathedral/state/verdict.h"

#define VERDICT_NAME(name, text, help) [VERDICT_##name] = text,
#define VERDICT_HELP(name, text, help) [VERDICT_##name] = help,

static const char *const names[VERDICT_COUNT] = { VERDICTS(VERDICT_NAME) };
static const char *const helps[VERDICT_COUNT] = { VERDICTS(VERDICT_HELP) };

const char *
verdict_name(enum verdict v)
{
	return names[v];
}

const char *
verdict_help(enum verdict v)
{
	return helps[v];
}
