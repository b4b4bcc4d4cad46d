/* SPDX-License-Identifier: ISC */
/* Pages of the feed as a service sends them that has gone mad. */
#include "tests/fuzz/fuzz.h"
#include "tools/cathedral-sync/document.h"

#include <string.h>

static void
expect_slice(const struct record_slice *s, struct flock_id a, struct flock_id b)
{
	struct bundle parsed;
	struct fault why;

	fuzz_expect(
	    s->len == 0 || bundle_parse(&parsed, s->bytes, s->len, a, b, &s->in_a, &s->in_b, &why));
}

/* Whatever was taken can be relied upon. */
static void
expect_sound(const struct record_page *d)
{
	fuzz_expect(d->since <= d->until);
	for (size_t i = 0; i < d->fleet_count; i++)
		fuzz_expect(d->fleet[i].name[0] != '\0' && d->fleet[i].at.port != 0);
	for (size_t i = 0; i < d->flock_count; i++) {
		const struct record_flock *f = &d->flocks[i];

		fuzz_expect(f->id.value != 0 && flock_domain(f->id) == 0);
		fuzz_expect(f->device_count == kek_set_count(&f->slice.in_a));
		expect_slice(&f->slice, f->id, f->id);
	}
	for (size_t i = 0; i < d->xflock_count; i++) {
		fuzz_expect(d->xflocks[i].a.value < d->xflocks[i].b.value);
		expect_slice(&d->xflocks[i].slice, d->xflocks[i].a, d->xflocks[i].b);
	}
	for (size_t i = 0; i < d->xflock_gone_count; i++)
		fuzz_expect(d->xflocks_gone[i].a.value < d->xflocks_gone[i].b.value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	json_t *page = json_loadb((const char *)data, len, 0, NULL);
	struct fault why = { "" };
	struct record_page d;

	if (page == NULL)
		return 0;
	if (document_read(&d, page, &why))
		expect_sound(&d);
	else
		fuzz_expect(why.text[0] != '\0');
	record_page_free(&d);
	json_decref(page);
	return 0;
}
