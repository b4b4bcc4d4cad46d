/* SPDX-License-Identifier: ISC */
#include "reliquary-api/commands/output.h"

#include "base/conf_values.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/http/forget.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
output_json(json_t *object, struct fault *why)
{
	char *line = json_dumps(object, JSON_COMPACT);

	forget_json(object);
	if (line == NULL)
		return fault_set(why, "out of memory");
	puts(line);
	forget_text(line);
	return true;
}

bool
output_deleted(const struct invocation *in, const char *name, const char *word, struct fault *why)
{
	if (invocation_has(in, "json"))
		return output_json(json_pack("{s:s}", "deleted", name), why);
	printf("%s: %s\n", name, word);
	return true;
}

bool
output_confirm(const struct invocation *in, struct fault *why, const char *format, ...)
{
	char question[256], answer[16] = "";
	va_list args;

	if (invocation_has(in, "yes"))
		return true;
	va_start(args, format);
	vsnprintf(question, sizeof(question), format, args);
	va_end(args);
	if (!isatty(STDIN_FILENO))
		return fault_set(why, "%s Say so with --yes", question);
	fprintf(stderr, "%s [yes/no] ", question);
	if (fgets(answer, sizeof(answer), stdin) != NULL && strcmp(answer, "yes\n") == 0)
		return true;
	return fault_set(why, "nothing was done");
}

const char *
output_time(int64_t unix_s, char out[static OUTPUT_TIME])
{
	_Static_assert(OUTPUT_TIME >= TIME_TEXT, "times of the API fit");

	if (unix_s == 0)
		return "-";
	time_text(unix_s, out);
	return out;
}

static bool
read_value(
    const struct invocation *in, const struct conf_option *option, uint64_t *ret, struct fault *why)
{
	const char *value = invocation_value(in, option->keyword);

	return value == NULL || conf_set_value(ret, option, "", value, why) ||
	       fault_prefix(why, "--%s", option->keyword);
}

bool
output_number(const struct invocation *in, const char *own, uint64_t least, uint64_t most,
    uint64_t *ret, struct fault *why)
{
	const struct conf_option option = {
		.keyword = own, .type = CONF_UINT, .min = least, .max = most
	};

	return read_value(in, &option, ret, why);
}

bool
output_seconds(
    const struct invocation *in, const char *own, uint64_t most, uint64_t *ret, struct fault *why)
{
	const struct conf_option option = {
		.keyword = own, .type = CONF_TIME, .min = 1, .max = most
	};

	return read_value(in, &option, ret, why);
}
