/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/intake.h"

#include "base/file.h"
#include "tools/cathedral-sync/document.h"
#include "tools/cathedral-sync/memory.h"

#include <ctype.h>
#include <string.h>

/* Of small values a document is some thirty times as large as its text. */
#define DOCUMENT_MEMORY ((size_t)256 << 20)
#define HEX_SHOWN       32

static bool
document_load(json_t **ret, const char *body, size_t len, struct fault *why)
{
	json_error_t error;

	memory_json_begin(DOCUMENT_MEMORY);
	*ret = json_loadb(body, len, JSON_REJECT_DUPLICATES, &error);
	if (!memory_json_sufficed())
		return fault_set(why, "a document that takes more memory than it may");
	if (*ret == NULL)
		return fault_set(why, "not JSON: %s, at byte %d", error.text, error.position);
	return true;
}

bool
intake_read(struct record_page *ret, const char *body, size_t len, struct fault *why)
{
	json_t *document;
	bool ok;

	*ret = (struct record_page){ .more = false };
	ok = document_load(&document, body, len, why) && document_read(ret, document, why);
	json_decref(document);
	return ok;
}

static void
mask(char *body, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && isxdigit((unsigned char)body[i]))
			continue;
		if (i - from > HEX_SHOWN)
			memset(body + from, 'x', i - from);
		from = i + 1;
	}
}

bool
intake_keep(const char *path, mode_t mode, char *body, size_t len, struct fault *why)
{
	size_t kept = len < INTAKE_REFUSED_MAX ? len : INTAKE_REFUSED_MAX;

	mask(body, kept);
	return file_replace(path, mode, body, kept, why);
}
