/* SPDX-License-Identifier: ISC */
#include "base/conf_words.h"

#include <string.h>

/* Ends the word that begins at *at and moves *at behind it; NULL when it is malformed. */
static char *
take_word(char **at, struct fault *why)
{
	char *word = *at, *end;

	if (*word != '"') {
		end = word + strcspn(word, " \t\"");
		if (*end == '"') {
			fault_set(why, "a quote inside a word");
			return NULL;
		}
	} else {
		end = strchr(++word, '"');
		if (end == NULL) {
			fault_set(why, "a quote is not closed");
			return NULL;
		}
		*end++ = '\0';
		if (*end != '\0' && *end != ' ' && *end != '\t' && *end != '#') {
			fault_set(why, "text follows a closing quote");
			return NULL;
		}
	}
	*at = end;
	if (*end == ' ' || *end == '\t') {
		*end = '\0';
		*at = end + 1;
	}
	return word;
}

bool
conf_split(char *line, char *words[static CONF_WORDS_MAX + 1], size_t *count, struct fault *why)
{
	*count = 0;
	for (;;) {
		line += strspn(line, " \t");
		if (*line == '\0' || *line == '#')
			return true;
		if (*count > CONF_WORDS_MAX)
			return fault_set(
			    why, "more than %d words behind the keyword", CONF_WORDS_MAX);
		words[*count] = take_word(&line, why);
		if (words[*count] == NULL)
			return false;
		++*count;
	}
}
