/* SPDX-License-Identifier: ISC */
/*
 * Thousands of random operations on a store and on a model of it (tests/support/store_model.h):
 * each must say the same of both, and what is listed then must be the same.  A failure says which
 * operation it was, and the seed is printed.
 */
#include "reliquary-api/store/feed.h"
#include "reliquary-api/store/ledger.h"
#include "tests/support/owners.h"
#include "tests/support/seed.h"
#include "tests/support/store_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OPERATIONS  3000
#define LISTED_EACH 40 /* operations */
#define TOP_BIT     UINT64_C(0x8000000000000000)

/* In the order in which they are listed. */
static const struct flock_id flock_ids[MODEL_FLOCKS] = { { TOP_BIT }, { TOP_BIT | 0x100 },
	{ 0xffffffffffffff00 }, { 0x100 }, { 0x200 }, { 0x7fffffffffffff00 } };
static const struct device_id device_ids[MODEL_DEVICES] = { { 0 }, { 1 }, { 2 }, { 0x7fffffff },
	{ 0x80000000 }, { UINT32_MAX } };
static const uint64_t key_ids[MODEL_KEYS] = { TOP_BIT, UINT64_MAX, 1, INT64_MAX };

struct both {
	struct owners *t;
	struct model m;
	struct random random;
	uint64_t files; /* so many names were given */
};

static struct account_id
account_of(const struct both *w, int who)
{
	return who == 1 ? w->t->anna : w->t->boris;
}

static void
label_text(unsigned label, char out[static STORE_LABEL])
{
	snprintf(out, STORE_LABEL, "it's \"%u\"", label);
}

static struct join
join_of(const struct both *w, const struct model_ask *a)
{
	struct join j = {
		.flock = flock_ids[a->flock], .id = device_ids[a->device], .now = w->m.now
	};

	memset(j.sealed, a->secret, sizeof(j.sealed));
	label_text(a->label, j.label);
	return j;
}

static struct hash32
key_hash(unsigned flock, unsigned key)
{
	char text[40];

	snprintf(text, sizeof(text), "%u %u", flock, key);
	return test_hash(text);
}

/* ---- one operation on both; the store's result is returned, the model's is to be the same ---- */

typedef enum store_result operation(struct both *w, const struct model_ask *a, bool *same);

static enum store_result
compare(enum store_result got, enum store_result want, bool also, bool *same)
{
	*same = got == want && also;
	return got;
}

static enum store_result
op_create(struct both *w, const struct model_ask *a, bool *same)
{
	char label[STORE_LABEL];

	label_text(a->label, label);
	return compare(
	    flock_create(w->t->s, account_of(w, a->who), flock_ids[a->flock], label, w->m.now),
	    model_flock_create(&w->m, a), true, same);
}

static enum store_result
op_relabel(struct both *w, const struct model_ask *a, bool *same)
{
	char label[STORE_LABEL];

	label_text(a->label, label);
	return compare(flock_relabel(w->t->s, account_of(w, a->who), flock_ids[a->flock], label),
	    model_flock_relabel(&w->m, a), true, same);
}

static enum store_result
op_delete(struct both *w, const struct model_ask *a, bool *same)
{
	return compare(flock_delete(w->t->s, account_of(w, a->who), flock_ids[a->flock], w->m.now),
	    model_flock_delete(&w->m, a), true, same);
}

static enum store_result
op_join(struct both *w, const struct model_ask *a, bool *same)
{
	struct join j = join_of(w, a);

	return compare(join_create(w->t->s, &j, MODEL_JOINS, model_joins_since(&w->m)),
	    model_join(&w->m, a), true, same);
}

/* The key is mostly the flock's own. */
static enum store_result
op_enrol(struct both *w, const struct model_ask *a, bool *same)
{
	struct model_ask fitting = *a;
	struct hash32 hash;
	struct join j = join_of(w, a);
	struct account_id account = { 0 };
	uint8_t kek = 0, want_kek = 0;
	enum store_result got, want;

	if (a->secret % 4 != 0)
		fitting.other = a->flock;
	hash = key_hash(fitting.other, a->key);
	got = join_enrol(w->t->s, &j, &hash, MODEL_MBIT, &kek, &account);
	want = model_enrol(&w->m, &fitting, &want_kek);
	return compare(got, want,
	    kek == want_kek &&
		(got != STORE_OK ||
		    account.value == account_of(w, w->m.flocks[a->flock].owner).value),
	    same);
}

static enum store_result
op_approve(struct both *w, const struct model_ask *a, bool *same)
{
	uint8_t kek = a->kek, want_kek = a->kek;
	enum store_result got = device_approve(w->t->s, account_of(w, a->who), flock_ids[a->flock],
	    device_ids[a->device], 2 * MODEL_MBIT, model_joins_since(&w->m), w->m.now, &kek);
	enum store_result want = model_approve(&w->m, a, &want_kek);

	return compare(got, want, got == STORE_NONE || kek == want_kek, same);
}

static enum store_result
op_update(struct both *w, const struct model_ask *a, bool *same)
{
	const struct model_device *d = &w->m.devices[a->flock][a->device];
	char label[STORE_LABEL], want_label[STORE_LABEL];
	struct device_change change = { a->label != 0 ? label : NULL, a->bw_limit };
	enum store_result got, want;
	struct device_row row;

	label_text(a->label, label);
	got = device_update(w->t->s, account_of(w, a->who), flock_ids[a->flock],
	    device_ids[a->device], &change, model_joins_since(&w->m), w->m.now, &row);
	want = model_update(&w->m, a);
	label_text(d->label, want_label);
	return compare(got, want,
	    got != STORE_OK || (row.bw_limit == d->bw_limit && row.kek == d->kek &&
				   row.created == d->created && strcmp(row.label, want_label) == 0),
	    same);
}

static enum store_result
op_secret(struct both *w, const struct model_ask *a, bool *same)
{
	uint8_t sealed[DEVICE_SEALED];

	memset(sealed, a->secret, sizeof(sealed));
	return compare(device_set_secret(w->t->s, account_of(w, a->who), flock_ids[a->flock],
			   device_ids[a->device], sealed, model_joins_since(&w->m), w->m.now),
	    model_set_secret(&w->m, a), true, same);
}

static enum store_result
op_device_delete(struct both *w, const struct model_ask *a, bool *same)
{
	return compare(device_delete(w->t->s, account_of(w, a->who), flock_ids[a->flock],
			   device_ids[a->device], model_joins_since(&w->m), w->m.now),
	    model_device_delete(&w->m, a), true, same);
}

static enum store_result
op_enrolment_create(struct both *w, const struct model_ask *a, bool *same)
{
	struct enrolment e = { .id = key_ids[a->key],
		.uses_left = a->uses,
		.created = w->m.now,
		.expires = w->m.now + a->lasts_s };
	struct hash32 hash = key_hash(a->flock, a->key);

	return compare(enrolment_create(w->t->s, account_of(w, a->who), flock_ids[a->flock], &e,
			   &hash, MODEL_ENROLMENTS),
	    model_enrolment_create(&w->m, a), true, same);
}

static enum store_result
op_enrolment_delete(struct both *w, const struct model_ask *a, bool *same)
{
	return compare(
	    enrolment_delete(w->t->s, account_of(w, a->who), flock_ids[a->flock], key_ids[a->key]),
	    model_enrolment_delete(&w->m, a), true, same);
}

static enum store_result
op_consent(struct both *w, const struct model_ask *a, bool *same)
{
	bool got_both, want_both;
	enum store_result got = xflock_consent(w->t->s, account_of(w, a->who), flock_ids[a->flock],
	    flock_ids[a->other], MODEL_CONSENTS, w->m.now, &got_both);
	enum store_result want = model_consent(&w->m, a, &want_both);

	return compare(got, want, got_both == want_both, same);
}

static enum store_result
op_withdraw(struct both *w, const struct model_ask *a, bool *same)
{
	return compare(xflock_withdraw(w->t->s, account_of(w, a->who), flock_ids[a->flock],
			   flock_ids[a->other], w->m.now),
	    model_withdraw(&w->m, a), true, same);
}

/* A flock's own as often as a pair's. */
static enum store_result
op_bundle(struct both *w, const struct model_ask *a, bool *same)
{
	struct model_ask ask = *a;
	struct bundle_row b;

	if (a->secret % 2 == 0)
		ask.other = a->flock;
	b = test_bundle(flock_ids[ask.flock], flock_ids[ask.other], ask.generation);
	b.uploaded = w->m.now;
	snprintf(b.file, sizeof(b.file), "%ju", (uintmax_t)w->files++);
	return compare(bundle_put(w->t->s, account_of(w, ask.who), &b),
	    model_bundle_put(&w->m, &ask), true, same);
}

static enum store_result
op_time(struct both *w, const struct model_ask *a, bool *same)
{
	struct upkeep u = { .now = w->m.now + a->lasts_s,
		.join_s = MODEL_JOIN_S,
		.account_grace_s = INT32_MAX,
		.joins_most = UINT32_MAX,
		.limit = 1000 };
	enum store_result got = STORE_OK;
	uint64_t want = 0;

	w->m.now += a->lasts_s;
	if (a->key == 0) {
		got = upkeep_run(w->t->s, &u);
		want = model_upkeep(&w->m);
	}
	return compare(got, STORE_OK, u.ended == want, same);
}

static const struct {
	const char *what;
	operation *run;
	uint32_t often;
} operations[] = {
	{ "flock_create", op_create, 4 },
	{ "flock_relabel", op_relabel, 1 },
	{ "flock_delete", op_delete, 1 },
	{ "join_create", op_join, 10 },
	{ "join_enrol", op_enrol, 6 },
	{ "device_approve", op_approve, 10 },
	{ "device_update", op_update, 4 },
	{ "device_set_secret", op_secret, 3 },
	{ "device_delete", op_device_delete, 5 },
	{ "enrolment_create", op_enrolment_create, 6 },
	{ "enrolment_delete", op_enrolment_delete, 1 },
	{ "xflock_consent", op_consent, 16 },
	{ "xflock_withdraw", op_withdraw, 3 },
	{ "bundle_put", op_bundle, 12 },
	{ "upkeep_run", op_time, 4 },
};

/* ---- what is listed is what the model has; lists count what they met ---- */

struct meeting {
	struct both *w;
	int who;
	unsigned flock;
	unsigned flock_met, other_met; /* where the last row of the model was */
	uint8_t kek_met;
	size_t count;
	bool same;
};

static unsigned
flock_index(struct flock_id id)
{
	unsigned f = 0;

	while (f < MODEL_FLOCKS && !flock_equal(flock_ids[f], id))
		f++;
	return f;
}

static bool
bundle_same(const struct both *w, const struct bundle_row *got, bool has, unsigned a, unsigned b)
{
	const struct model_bundle *want = model_bundle(&w->m, a, b);

	if (!has || !want->there)
		return has == want->there;
	return got->generation == want->generation && got->uploaded == want->uploaded &&
	       flock_index(got->a) == (a < b ? a : b) && flock_index(got->b) == (a < b ? b : a);
}

static bool
meet_flock(void *arg, const struct flock_row *row)
{
	struct meeting *v = arg;
	unsigned f = flock_index(row->id);
	uint64_t devices = 0, waiting = 0;
	char label[STORE_LABEL];

	if (f == MODEL_FLOCKS || v->w->m.flocks[f].owner != v->who)
		return v->same = false;
	for (unsigned d = 0; d < MODEL_DEVICES; d++) {
		devices += v->w->m.devices[f][d].state == DEVICE_APPROVED;
		waiting += model_waits(&v->w->m, f, d);
	}
	label_text(v->w->m.flocks[f].label, label);
	v->same = v->same && (v->count == 0 || f > v->flock_met) && row->devices == devices &&
		  row->pending == waiting && row->created == v->w->m.flocks[f].created &&
		  strcmp(row->label, label) == 0 &&
		  bundle_same(v->w, &row->bundle, row->has_bundle, f, f);
	v->flock_met = f;
	v->count++;
	return true;
}

static bool
meet_device(void *arg, const struct device_row *row)
{
	struct meeting *v = arg;
	const struct model_device *want;
	unsigned d = 0;
	char label[STORE_LABEL];

	while (d < MODEL_DEVICES && device_ids[d].value != row->id.value)
		d++;
	if (d == MODEL_DEVICES)
		return v->same = false;
	want = &v->w->m.devices[v->flock][d];
	label_text(want->label, label);
	v->same = v->same && want->state == (row->kek == 0 ? DEVICE_PENDING : DEVICE_APPROVED) &&
		  row->kek == want->kek && row->bw_limit == want->bw_limit &&
		  row->created == want->created && strcmp(row->label, label) == 0;
	v->count++;
	return true;
}

static bool
meet_enrolment(void *arg, const struct enrolment *row)
{
	struct meeting *v = arg;
	const struct model_enrolment *want;
	unsigned k = 0;

	while (k < MODEL_KEYS && key_ids[k] != row->id)
		k++;
	if (k == MODEL_KEYS)
		return v->same = false;
	want = &v->w->m.enrolments[v->flock][k];
	v->same = v->same && want->there && row->uses_left == want->uses &&
		  row->created == want->created && row->expires == want->expires;
	v->count++;
	return true;
}

static bool
meet_xflock(void *arg, const struct xflock_row *row)
{
	struct meeting *v = arg;
	const struct model *m = &v->w->m;
	unsigned f = flock_index(row->flock), o = flock_index(row->other);

	if (f == MODEL_FLOCKS || o == MODEL_FLOCKS || m->flocks[f].owner != v->who)
		return v->same = false;
	v->same = v->same && row->created == m->consents[f][o] &&
		  row->established == model_established(m, f, o) &&
		  bundle_same(v->w, &row->bundle, row->has_bundle, f, o) &&
		  (v->count == 0 || f > v->flock_met || (f == v->flock_met && o > v->other_met));
	v->flock_met = f;
	v->other_met = o;
	v->count++;
	return true;
}

static bool
meet_change(void *arg, const struct change *row)
{
	struct meeting *v = arg;
	unsigned a = flock_index(row->a), b = flock_index(row->b);

	v->same = v->same && a < MODEL_FLOCKS && b < MODEL_FLOCKS && a <= b &&
		  row->number == v->w->m.noted[a][b];
	v->count++;
	return v->same;
}

static void
expect_flock(struct both *w, int who, unsigned f)
{
	const struct model *m = &w->m;
	bool own = m->flocks[f].owner == who;
	enum store_result want = own ? STORE_OK : STORE_NONE;
	struct meeting v = { .w = w, .flock = f, .same = true };
	size_t devices = 0, keys = 0;

	for (unsigned d = 0; own && d < MODEL_DEVICES; d++)
		devices += m->devices[f][d].state == DEVICE_APPROVED || model_waits(m, f, d);
	for (unsigned k = 0; own && k < MODEL_KEYS; k++)
		keys += m->enrolments[f][k].there && m->enrolments[f][k].expires > m->now;
	assert_int_equal(
	    device_list(w->t->s, account_of(w, who), flock_ids[f],
		(struct device_place){ .begun = false }, 99, model_joins_since(m), meet_device, &v),
	    want);
	assert_true(v.same && v.count == devices);
	v.count = 0;
	assert_int_equal(enrolment_list(w->t->s, account_of(w, who), flock_ids[f], 0, 99, m->now,
			     meet_enrolment, &v),
	    want);
	assert_true(v.same && v.count == keys);
}

static void
expect_account(struct both *w, int who)
{
	const struct model *m = &w->m;
	struct meeting flocks = { .w = w, .who = who, .same = true }, xflocks = flocks;
	struct flock_id none = { 0 };
	size_t own = 0, consents = 0;

	for (unsigned f = 0; f < MODEL_FLOCKS; f++) {
		own += m->flocks[f].owner == who;
		for (unsigned o = 0; m->flocks[f].owner == who && o < MODEL_FLOCKS; o++)
			consents += m->consents[f][o] != 0;
		expect_flock(w, who, f);
	}
	assert_int_equal(flock_list(w->t->s, account_of(w, who), none, 99, model_joins_since(m),
			     meet_flock, &flocks),
	    STORE_OK);
	assert_true(flocks.same && flocks.count == own);
	assert_int_equal(
	    xflock_list(w->t->s, account_of(w, who), none, none, 99, meet_xflock, &xflocks),
	    STORE_OK);
	assert_true(xflocks.same && xflocks.count == consents);
}

/* Secrets are nobody's to list: they are looked at one by one. */
static void
expect_secrets(struct both *w)
{
	uint8_t sealed[DEVICE_SEALED], want[DEVICE_SEALED];
	struct cosk_public cosk;

	for (unsigned i = 0; i < MODEL_FLOCKS * MODEL_DEVICES; i++) {
		unsigned f = i / MODEL_DEVICES, d = i % MODEL_DEVICES;
		const struct model_device *device = &w->m.devices[f][d];
		bool there = device->state == DEVICE_APPROVED;

		assert_int_equal(device_keys(w->t->s, flock_ids[f], device_ids[d], sealed, &cosk),
		    there ? STORE_OK : STORE_NONE);
		memset(want, device->secret, sizeof(want));
		if (there)
			assert_memory_equal(sealed, want, sizeof(want));
	}
}

static bool
meet_fed(void *arg, const struct feed_device *row)
{
	struct meeting *v = arg;
	const struct model_device *d = NULL;

	for (unsigned i = 0; i < MODEL_DEVICES; i++) {
		if (device_ids[i].value == row->id.value)
			d = &v->w->m.devices[v->flock][i];
	}
	v->same = v->same && d != NULL && d->state == DEVICE_APPROVED && d->kek == row->kek &&
		  d->bw_limit == row->bw_limit && d->secret == row->sealed[0] &&
		  row->kek > v->kek_met;
	v->kek_met = row->kek;
	v->count++;
	return v->same;
}

/* What cathedrals are told. */
static void
expect_fed(struct both *w, unsigned f)
{
	const struct model *m = &w->m;
	struct meeting v = { .w = w, .flock = f, .same = true };
	bool there = m->flocks[f].owner != 0;
	size_t approved = 0;

	for (unsigned d = 0; d < MODEL_DEVICES; d++)
		approved += m->devices[f][d].state == DEVICE_APPROVED;
	assert_int_equal(feed_flock(w->t->s, flock_ids[f]), there ? STORE_OK : STORE_NONE);
	assert_int_equal(feed_devices(w->t->s, flock_ids[f], meet_fed, &v), STORE_OK);
	assert_true(v.same && v.count == approved);
	for (unsigned o = 0; o < MODEL_FLOCKS; o++) {
		bool both = model_established(m, f, o);

		assert_int_equal(
		    feed_xflock(w->t->s, flock_ids[f], flock_ids[o]), both ? STORE_OK : STORE_NONE);
	}
}

static void
expect_same(struct both *w)
{
	struct meeting changes = { .w = w, .same = true };
	struct store_totals totals;
	size_t noted = 0;

	expect_account(w, 1);
	expect_account(w, 2);
	expect_secrets(w);
	for (unsigned f = 0; f < MODEL_FLOCKS; f++)
		expect_fed(w, f);
	for (unsigned i = 0; i < MODEL_FLOCKS * MODEL_FLOCKS; i++)
		noted += w->m.noted[i / MODEL_FLOCKS][i % MODEL_FLOCKS] != 0;
	assert_int_equal(change_list(w->t->s, 0, 99, meet_change, &changes), STORE_OK);
	assert_true(changes.same && changes.count == noted);
	assert_int_equal(store_totals(w->t->s, &totals), STORE_OK);
	assert_int_equal(totals.changes, w->m.last);
	assert_int_equal(totals.leftovers, w->m.leftovers);
}

/* ---- the test ---- */

/* Mostly by the owner; in steps of time so large that moments are often the same. */
static struct model_ask
draw(const struct model *m, struct random *r)
{
	struct model_ask a = {
		.who = 1 + (int)random_below(r, 2),
		.flock = random_below(r, MODEL_FLOCKS),
		.other = random_below(r, MODEL_FLOCKS),
		.device = random_below(r, MODEL_DEVICES),
		.key = random_below(r, MODEL_KEYS),
		.label = random_below(r, 4),
		.kek = (uint8_t)(random_below(r, 3) == 0 ? random_below(r, 8) : 0),
		.secret = (uint8_t)random_below(r, 256),
		.uses = random_below(r, 4),
		.lasts_s = MODEL_TICK_S * random_below(r, 4),
		.generation = random_below(r, 4),
	};
	static const uint64_t caps[] = { 0, 0, 1, MODEL_MBIT, MODEL_MBIT + 1 };

	a.bw_limit = caps[random_below(r, 5)];
	if (m->flocks[a.flock].owner != 0 && random_below(r, 4) != 0)
		a.who = m->flocks[a.flock].owner;
	return a;
}

static size_t
draw_operation(struct random *r)
{
	uint32_t sum = 0, at;
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		sum += operations[i].often;
	at = random_below(r, sum);
	for (i = 0; at >= operations[i].often; i++)
		at -= operations[i].often;
	return i;
}

/* Some steps are undone although they went well, as when something else of a request fails. */
static void
one_step(struct both *w, unsigned number, size_t which)
{
	struct model before = w->m;
	struct model_ask ask = draw(&w->m, &w->random);
	bool undo = random_below(&w->random, 8) == 0, same = false;
	enum store_result got;

	assert_int_equal(step_begin(w->t->s), STORE_OK);
	got = operations[which].run(w, &ask, &same);
	if (!same)
		fail_msg("operation %u, %s by %d: %d, which is not the model's", number,
		    operations[which].what, ask.who, (int)got);
	if (undo) {
		step_undo(w->t->s);
		w->m = before;
	} else {
		assert_int_equal(step_keep(w->t->s), STORE_OK);
	}
}

static void
the_store_is_the_model(void **state)
{
	struct both w = { .t = *state, .m = { .now = STORE_NOW } };
	struct fault why = { "" };

	random_for_test(&w.random);
	assert_int_equal(
	    account_extend(w.t->s, w.t->anna, STORE_NOW + INT32_MAX, STORE_NOW), STORE_OK);
	assert_int_equal(
	    account_extend(w.t->s, w.t->boris, STORE_NOW + INT32_MAX, STORE_NOW), STORE_OK);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		one_step(&w, i, draw_operation(&w.random));
		if (i % LISTED_EACH == 0)
			expect_same(&w);
	}
	expect_same(&w);

	/* And as much is on disk, in order. */
	assert_int_equal(group_commit(w.t->s), STORE_OK);
	if (!store_check(w.t->s, &why))
		fail_msg("%s", why.text);
	test_store_again(&w.t->db);
	w.t->s = w.t->db.reader;
	expect_same(&w);
	w.t->s = w.t->db.writer;
	assert_int_equal(group_begin(w.t->s), STORE_OK);
}

/* Were nearly all refused, the rest would show little. */
static void
each_operation_succeeds_and_fails(void **state)
{
	struct both w = { .t = *state, .m = { .now = STORE_NOW } };
	unsigned succeeded[20] = { 0 }, failed[20] = { 0 };
	bool same;

	random_from_seed(&w.random, 1);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		size_t which = draw_operation(&w.random);
		struct model_ask ask = draw(&w.m, &w.random);
		enum store_result got;

		if (operations[which].run == op_time)
			continue;
		got = operations[which].run(&w, &ask, &same);
		assert_true(same);
		succeeded[which] += got == STORE_OK;
		failed[which] += got != STORE_OK;
	}
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (operations[i].run != op_time && (succeeded[i] == 0 || failed[i] == 0))
			fail_msg("%s: %u and %u", operations[i].what, succeeded[i], failed[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_store_is_the_model, owners_begin, owners_end),
		cmocka_unit_test_setup_teardown(
		    each_operation_succeeds_and_fails, owners_begin, owners_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
