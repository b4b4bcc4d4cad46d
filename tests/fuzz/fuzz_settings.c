/* SPDX-License-Identifier: ISC */
/* Settings files: what is accepted keeps the rules, what is not has a fault that names a line. */
#include "protocol/wire/settings.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void
expect_flock(const struct settings_flock *f)
{
	bool seen[256] = { true }; /* 0 is no KEK number */

	fuzz_expect(f->id.value != 0 && flock_domain(f->id) == 0);
	fuzz_expect(f->device_count <= 255 && f->line > 0);
	fuzz_expect((f->ambry[0] != '\0') == (f->ambry_line != 0));
	fuzz_expect(memchr(f->ambry, '\0', sizeof(f->ambry)) != NULL);
	for (size_t i = 0; i < f->device_count; i++) {
		fuzz_expect(!seen[f->devices[i].kek_number]);
		seen[f->devices[i].kek_number] = true;
	}
}

static bool
has_flock(const struct settings *s, struct flock_id id)
{
	for (size_t i = 0; i < s->flock_count; i++)
		if (flock_equal(s->flocks[i].id, id))
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct settings s;
	struct fault why = { "" };

	if (!settings_parse(&s, (const char *)data, len, &why)) {
		fuzz_expect(strncmp(why.text, "line ", 5) == 0);
		fuzz_expect(strchr(why.text, '\n') == NULL);
		return 0;
	}

	for (size_t i = 0; i < s.flock_count; i++)
		expect_flock(&s.flocks[i]);
	for (size_t i = 0; i < s.xflock_count; i++) {
		fuzz_expect(!flock_equal(s.xflocks[i].a, s.xflocks[i].b));
		fuzz_expect(has_flock(&s, s.xflocks[i].a) && has_flock(&s, s.xflocks[i].b));
	}
	for (size_t i = 0; i < s.peer_count; i++)
		fuzz_expect(endpoint_is_ipv4(&s.peers[i].at) && s.peers[i].at.port != 0);
	settings_free(&s);
	return 0;
}
