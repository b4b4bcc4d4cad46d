/* SPDX-License-Identifier: ISC */
#include "tests/support/owners.h"
#include "database/sql.h"
#include "reliquary-api/store/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int
owners_begin(void **state)
{
	struct owners *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	test_store_begin(&t->db, NULL);
	t->s = t->db.writer;
	assert_int_equal(group_begin(t->s), STORE_OK);
	t->anna = test_account(t->s, "anna");
	t->boris = test_account(t->s, "boris");
	*state = t;
	return 0;
}

int
owners_end(void **state)
{
	struct owners *t = *state;

	group_abandon(t->s);
	test_store_end(&t->db);
	free(t);
	return 0;
}

struct flock_id
owner_flock(struct owners *t, struct account_id account, uint64_t id)
{
	struct account a;

	assert_int_equal(account_get(t->s, account, &a), STORE_OK);
	if (a.flocks >= a.max_flocks)
		assert_int_equal(
		    account_set_quota(t->s, account, a.flocks + 1, a.bw_limit, STORE_NOW),
		    STORE_OK);
	return test_flock(t->s, account, id);
}

struct join
test_join(struct flock_id flock, uint32_t id, int64_t now)
{
	struct join j = { .flock = flock, .id = { id }, .now = now };

	memset(j.cosk.bytes, (int)(id & 0xff), sizeof(j.cosk.bytes));
	memset(j.sealed, (int)(flock.value >> 8 & 0xff), sizeof(j.sealed));
	snprintf(j.label, sizeof(j.label), "device %x", (unsigned)id);
	return j;
}

void
owner_pending(struct owners *t, struct flock_id flock, uint32_t id)
{
	struct join j = test_join(flock, id, STORE_NOW);

	assert_int_equal(join_create(t->s, &j, UINT32_MAX, JOINS_SINCE), STORE_OK);
}

uint8_t
owner_device(struct owners *t, struct account_id account, struct flock_id flock, uint32_t id)
{
	uint8_t kek = 0;

	owner_pending(t, flock, id);
	assert_int_equal(device_approve(t->s, account, flock, (struct device_id){ id }, 25,
			     JOINS_SINCE, STORE_NOW, &kek),
	    STORE_OK);
	return kek;
}

void
owner_xflock(struct owners *t, struct flock_id a, struct flock_id b)
{
	bool established;

	assert_int_equal(
	    xflock_consent(t->s, t->anna, a, b, 64, STORE_NOW, &established), STORE_OK);
	assert_int_equal(
	    xflock_consent(t->s, t->boris, b, a, 64, STORE_NOW, &established), STORE_OK);
	assert_true(established);
}

struct bundle_row
test_bundle(struct flock_id a, struct flock_id b, uint32_t generation)
{
	struct bundle_row row = {
		.a = a,
		.b = b,
		.generation = generation,
		.expires = STORE_NOW + 86400,
		.uploaded = STORE_NOW,
		.size = 3756730,
		.hash = test_hash("bundle"),
	};

	snprintf(row.file, sizeof(row.file), "%016jx%08x%08x", (uintmax_t)(a.value ^ b.value),
	    (unsigned)(a.value >> 8), (unsigned)generation);
	return row;
}

int64_t
owner_number(struct owners *t, const char *sql)
{
	struct query q = query_begin(t->s, sql);
	bool found = query_row(&q);
	int64_t number = column_int(&q, 0);

	assert_int_equal(query_end(&q, found), STORE_OK);
	return number;
}

struct sought {
	struct flock_id a, b;
	uint64_t number;
};

static bool
seek(void *arg, const struct change *c)
{
	struct sought *s = arg;

	if (flock_equal(c->a, s->a) && flock_equal(c->b, s->b))
		s->number = c->number;
	return true;
}

uint64_t
owner_change(struct owners *t, struct flock_id a, struct flock_id b)
{
	struct sought s = { a, b, 0 };

	assert_int_equal(change_list(t->s, 0, UINT32_MAX, seek, &s), STORE_OK);
	return s.number;
}

bool
owner_noted(struct owners *t, const struct flock_id pairs[][2], size_t count)
{
	uint64_t last, since = t->noted;
	size_t found = 0;

	assert_int_equal(change_bounds(t->s, &last, &(uint64_t){ 0 }), STORE_OK);
	t->noted = last;
	for (size_t i = 0; i < count; i++)
		found += owner_change(t, pairs[i][0], pairs[i][1]) > since;
	return found == count && last - since == count;
}
