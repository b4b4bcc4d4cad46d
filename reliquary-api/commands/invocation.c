/* SPDX-License-Identifier: ISC */
#include "reliquary-api/commands/invocation.h"

#include "reliquary-api/conf.h"

#include <string.h>

/* What commands have of their own, as it is written; which of them take which, their rows say. */
static const struct own_option {
	const char *name;
	bool takes_value;
} own_options[] = {
	{ "json", false },
	{ "yes", false },
	{ "with-key", false },
	{ "clear", false },
	{ "shroud", false },
	{ "off", false },
	{ "address", true },
	{ "nat-port", true },
	{ "region", true },
	{ "label", true },
	{ "uses", true },
	{ "expires-in", true },
	{ "flocks", true },
	{ "mbit", true },
	{ NULL, false },
};

/* Of an option; name has '_' for '-'. */
static bool
is_called(const char *option, const char *name)
{
	while (*option != '\0' && *name == (*option == '-' ? '_' : *option))
		option++, name++;
	return *option == *name;
}

static const struct own_option *
find_own(const char *name)
{
	const struct own_option *o = own_options;

	while (o->name != NULL && !is_called(o->name, name))
		o++;
	return o->name != NULL ? o : NULL;
}

static const char *
find_keyword(const char *name)
{
	const struct conf_option *o = api_conf_table;

	while (o->keyword != NULL && strcmp(o->keyword, name) != 0)
		o++;
	return o->keyword;
}

/* Up to its end or '=', with '_' for '-'; false when no option is that long. */
static bool
read_name(char to[static INVOCATION_NAME_MAX], const char *from)
{
	size_t len = strcspn(from, "=");

	if (len >= INVOCATION_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		to[i] = from[i] == '-' ? '_' : from[i];
	to[len] = '\0';
	return true;
}

/* Behind '=', or the next argument, which is used up then. */
static const char *
take_value(const char *text, char ***next)
{
	const char *equals = strchr(text, '=');

	if (equals != NULL)
		return equals + 1;
	return **next != NULL ? *(*next)++ : NULL;
}

static bool
take_own(struct invocation *in, const struct own_option *option, const char *text, char ***next,
    struct fault *why)
{
	const char *value = NULL;

	if (!option->takes_value && strchr(text, '=') != NULL)
		return fault_set(why, "--%s takes no value", option->name);
	if (option->takes_value && (value = take_value(text, next)) == NULL)
		return fault_set(why, "--%s needs a value", option->name);
	if (invocation_has(in, option->name))
		return fault_set(why, "--%s is given twice", option->name);
	if (in->own_count == INVOCATION_OWN_MAX)
		return fault_set(why, "too many options");
	in->own[in->own_count].name = option->name;
	in->own[in->own_count++].value = value;
	return true;
}

/* text: what stands behind "--". */
static bool
take_long(struct invocation *in, const char *text, char ***next, struct fault *why)
{
	char name[INVOCATION_NAME_MAX] = "";
	const struct own_option *own = NULL;
	const char *keyword = NULL, *value;

	if (read_name(name, text)) {
		own = find_own(name);
		keyword = find_keyword(name);
	}
	if (own != NULL)
		return take_own(in, own, text, next, why);
	if (keyword == NULL)
		return fault_set(why, "--%.*s: no such option; --help lists them",
		    (int)strcspn(text, "="), text);
	value = take_value(text, next);
	if (value == NULL)
		return fault_set(why, "--%s needs a value", text);
	if (in->given_count == INVOCATION_GIVEN_MAX)
		return fault_set(why, "too many options");
	in->given[2 * in->given_count] = keyword;
	in->given[2 * in->given_count++ + 1] = value;
	return true;
}

static bool
take_word(struct invocation *in, const char *word, struct fault *why)
{
	if (in->word_count == INVOCATION_WORDS_MAX)
		return fault_set(why, "%s: one word too many", word);
	in->words[in->word_count++] = word;
	return true;
}

static bool
is(const char *text, const char *a, const char *b)
{
	return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

static bool
take_argument(struct invocation *in, const char *text, char ***next, struct fault *why)
{
	if (is(text, "-h", "--help"))
		return in->help = true;
	if (is(text, "-V", "--version"))
		return in->version = true;
	if (is(text, "--help-conf", "--help_conf"))
		return in->help_conf = true;
	if (is(text, "-n", "--check"))
		return take_word(in, "check", why);
	if (is(text, "-c", "--config") || strncmp(text, "--config=", 9) == 0) {
		in->conf = take_value(text, next);
		return in->conf != NULL || fault_set(why, "%s needs a file", text);
	}
	if (strncmp(text, "--", 2) == 0)
		return take_long(in, text + 2, next, why);
	if (text[0] == '-' && text[1] != '\0')
		return fault_set(why, "%s: no such option; --help lists them", text);
	return take_word(in, text, why);
}

bool
invocation_read(struct invocation *ret, int argc, char **argv, struct fault *why)
{
	char **next = argv + (argc > 0);
	bool options = true;

	memset(ret, 0, sizeof(*ret));
	while (*next != NULL) {
		const char *text = *next++;
		bool ok;

		if (options && strcmp(text, "--") == 0) {
			options = false;
			continue;
		}
		ok = options ? take_argument(ret, text, &next, why) : take_word(ret, text, why);
		if (!ok)
			return false;
	}
	return true;
}

void
invocation_shift(struct invocation *in, size_t count)
{
	in->word_count -= count;
	memmove(in->words, in->words + count, (in->word_count + 1) * sizeof(in->words[0]));
}

bool
invocation_has(const struct invocation *in, const char *own)
{
	for (size_t i = 0; i < in->own_count; i++) {
		if (strcmp(in->own[i].name, own) == 0)
			return true;
	}
	return false;
}

const char *
invocation_value(const struct invocation *in, const char *own)
{
	for (size_t i = 0; i < in->own_count; i++) {
		if (strcmp(in->own[i].name, own) == 0)
			return in->own[i].value;
	}
	return NULL;
}
