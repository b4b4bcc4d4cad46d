/* SPDX-License-Identifier: ISC */
#include "tools/reliquary-ambry/inspect.h"

#include "base/file.h"
#include "protocol/wire/bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void
print_expiry(const struct bundle_head *head, int64_t now_s)
{
	int64_t ends = bundle_ends(head->expires), left = ends - now_s;
	time_t when = (time_t)ends;
	char text[32];
	struct tm utc;

	gmtime_r(&when, &utc);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &utc);
	printf("expires     %s, ", text);
	if (left < 0)
		printf("%" PRId64 " days ago\n", -left / AMBRY_DAY);
	else
		printf("in %" PRId64 " days and %" PRId64 " hours\n", left / AMBRY_DAY,
		    left % AMBRY_DAY / 3600);
}

static void
print_bundle(const struct bundle *b, int64_t now_s)
{
	if (flock_equal(b->a, b->b))
		printf("flock       %016" PRIx64 "\n", b->a.value);
	else
		printf("flocks      %016" PRIx64 " and %016" PRIx64 "\n", b->a.value, b->b.value);
	printf("entries     %zu, two for each of %zu tunnels\n", b->count, b->count / 2);
	printf("generation  0x%08" PRIx32 "\n", b->head.generation);
	print_expiry(&b->head, now_s);
}

static bool
inspect_bytes(const uint8_t *bytes, size_t len, const char *path, int64_t now_s, struct fault *why)
{
	struct flock_id a, b;
	struct bundle bundle;

	if (!bundle_peek(bytes, len, &a, &b))
		return fault_set(why, "%s: too short for a bundle", path);
	if (!bundle_parse_whole(&bundle, bytes, len, a, b, why))
		return fault_prefix(why, "%s", path);
	printf("%s: a sound bundle\n", path);
	print_bundle(&bundle, now_s);
	return !bundle_expired(bundle.head.expires, now_s) ||
	       fault_set(why, "%s: has expired", path);
}

bool
inspect_file(const char *path, int64_t now_s, struct fault *why)
{
	uint8_t *bytes;
	size_t len;
	bool ok;

	if (!file_read(&bytes, &len, path, BUNDLE_TWO_FLOCKS_SIZE, why))
		return false;
	ok = inspect_bytes(bytes, len, path, now_s, why);
	free(bytes);
	return ok;
}
