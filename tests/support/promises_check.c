/* SPDX-License-Identifier: ISC */
#include "base/hex.h"
#include "tests/support/promises_parts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* One account that is looked at. */
struct look {
	struct promises *p;
	const struct test_api *t; /* of which only the place is known */
	sqlite3 *db;
	const char *bundles;
	struct promised_life *life;
	struct open_deed open; /* of this account, or NOTHING */
};

static unsigned
status_of(const struct look *k, const char *path, const char *token)
{
	struct got a = ask(k->t, &(struct ask){ .method = "GET", .path = path, .token = token });

	got_free(a);
	return a.status;
}

static struct got
list_get(const struct look *k, const char *path, const char *name, json_t **list)
{
	struct got a = expect(k->t, 200, "GET", path, k->life->who.token, NULL);

	*list = json_object_get(a.json, name);
	if (!json_is_array(*list))
		fail_msg("%s: %s", path, a.body);
	return a;
}

/* The row whose member is this text; NULL without. */
static const json_t *
row_of(const json_t *list, const char *member, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);
		const char *its = json_string_value(json_object_get(row, member));

		if (its != NULL && strcmp(its, text) == 0)
			return row;
	}
	return NULL;
}

static const char *
text_of(const json_t *row, const char *member)
{
	const char *text = json_string_value(json_object_get(row, member));

	return text != NULL ? text : "";
}

/* A list has what we know of, and perhaps what was left open. */
static void
has_no_more(const json_t *list, size_t known, const char *what)
{
	if (json_array_size(list) != known)
		fail_msg("%zu %s instead of %zu", json_array_size(list), what, known);
}

static bool
is_open(const struct look *k, enum deed deed, const struct promised_flock *f)
{
	return k->open.deed == deed && &k->life->flocks[k->open.flock] == f;
}

/* ---- tokens ---- */

static void
check_tokens(struct look *k)
{
	struct promised_life *l = k->life;
	bool made = k->open.deed == TOKEN_MAKE, ended = k->open.deed == TOKEN_END;
	struct got a;
	json_t *list;
	size_t count;

	a = list_get(k, "/v1/tokens", "tokens", &list);
	count = json_array_size(list);
	got_free(a);
	if (made && count == l->tokens + 1)
		l->tokens++;
	if (ended && count == l->tokens - 1) {
		l->tokens--;
		strcpy(l->ended, l->token);
		l->token[0] = '\0';
	}
	if (count != l->tokens)
		fail_msg("%zu tokens instead of %u", count, l->tokens);
	if (l->token[0] != '\0')
		assert_int_equal(status_of(k, "/v1/account", l->token), 200);
	if (l->ended[0] != '\0')
		assert_int_equal(status_of(k, "/v1/account", l->ended), 401);
}

/* ---- devices ---- */

static bool
is_approved(const json_t *row)
{
	return strcmp(text_of(row, "device_approved"), "t") == 0;
}

static unsigned
kek_of(const json_t *row)
{
	return is_approved(row) ? (unsigned)strtoul(text_of(row, "device_kek"), NULL, 10) : 0;
}

/* The number that it was told stays; one that was left open may be there. */
static void
check_device(struct look *k, struct promised_flock *f, unsigned n, const json_t *row)
{
	struct promised_device *d = &f->devices[n];

	if (d->gone || row == NULL) {
		if (row == NULL && is_open(k, DEVICE_END, f) && k->open.device == n)
			d->gone = true;
		if (!d->gone || row != NULL)
			fail_msg("device %s is %s", d->id, d->gone ? "back" : "lost");
		return;
	}
	if (is_open(k, APPROVE, f) && k->open.device == n)
		d->kek = kek_of(row);
	if (strcmp(text_of(row, "label"), d->label) != 0 || kek_of(row) != d->kek)
		fail_msg("device %s \"%s\" is number %u instead of %u", d->id,
		    text_of(row, "label"), kek_of(row), d->kek);
}

/* Whoever joined without being told so. */
static void
adopt_device(struct look *k, struct promised_flock *f, const json_t *list)
{
	const json_t *row = row_of(list, "label", k->open.label);
	struct promised_device *d = &f->devices[f->devices_count];
	bool enrolled = is_open(k, ENROL, f);

	if (row == NULL || !(enrolled || is_open(k, JOIN, f)))
		return;
	*d = (struct promised_device){ .kek = kek_of(row) };
	snprintf(d->id, sizeof(d->id), "%s", text_of(row, "device_cathedral_id"));
	strcpy(d->label, k->open.label);
	assert_int_equal(enrolled, d->kek != 0);
	f->devices_count++;
	f->uses -= enrolled; /* both or neither */
}

static void
check_devices(struct look *k, struct promised_flock *f)
{
	struct got a;
	json_t *list;
	size_t known = 0;
	bool used[256] = { false };

	a = list_get(k, path_of("/v1/flocks/%s/devices", f->id), "devices", &list);
	adopt_device(k, f, list);
	for (unsigned n = 0; n < f->devices_count; n++) {
		struct promised_device *d = &f->devices[n];

		check_device(k, f, n, row_of(list, "device_cathedral_id", d->id));
		if (d->gone)
			continue;
		known++;
		if (d->kek != 0 && used[d->kek & 255])
			fail_msg("two devices of flock %s have the number %u", f->id, d->kek);
		used[d->kek & 255] = true;
	}
	has_no_more(list, known, "devices");
	got_free(a);
}

static void
check_enrolments(struct look *k, struct promised_flock *f)
{
	const json_t *row;
	struct got a;
	json_t *list;

	a = list_get(k, path_of("/v1/flocks/%s/enrolments", f->id), "enrolments", &list);
	if (is_open(k, ENROLMENT_MAKE, f) && json_array_size(list) == 1)
		snprintf(f->enrolment, sizeof(f->enrolment), "%s",
		    text_of(json_array_get(list, 0), "id"));
	has_no_more(list, f->enrolment[0] != '\0', "enrolment keys");
	row = row_of(list, "id", f->enrolment);
	if (row != NULL && json_integer_value(json_object_get(row, "uses_left")) != f->uses)
		fail_msg("enrolment key %s has %d uses left instead of %u", f->enrolment,
		    (int)json_integer_value(json_object_get(row, "uses_left")), f->uses);
	got_free(a);
}

/* ---- bundles ---- */

/* What lies under that name is what was sent. */
static void
check_bytes(const struct look *k, const struct promised_flock *f, const char *name)
{
	char path[512];
	uint8_t hash[32], *bytes;
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", k->bundles, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		fail_msg("%s: the bundle of flock %s is not there", path, f->id);
	bytes = malloc((size_t)st.st_size + 1);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	bundle_hash(bytes, (size_t)st.st_size, hash);
	free(bytes);
	if (memcmp(hash, f->hash, sizeof(hash)) != 0)
		fail_msg("%s: not the bytes of generation %u", path, f->generation);
}

static void
check_file(const struct look *k, const struct promised_flock *f)
{
	static const char sql[] = "SELECT file, generation FROM bundles WHERE flock_a = ?1 AND"
				  " flock_b = ?1";
	struct flock_id id = { 0 };
	sqlite3_stmt *row;

	assert_true(hex_u64(&id.value, f->id, UINT64_MAX));
	assert_int_equal(sqlite3_prepare_v2(k->db, sql, -1, &row, NULL), SQLITE_OK);
	sqlite3_bind_int64(row, 1, (int64_t)id.value);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(row, 1), f->generation);
	check_bytes(k, f, (const char *)sqlite3_column_text(row, 0));
	sqlite3_finalize(row);
}

static void
check_bundle(struct look *k, struct promised_flock *f, const json_t *row)
{
	const char *text = text_of(json_object_get(row, "ambry"), "generation");
	uint32_t generation = (uint32_t)strtoul(text, NULL, 16);

	if (is_open(k, UPLOAD, f) && generation == k->open.generation) {
		f->generation = generation;
		memcpy(f->hash, k->open.hash, sizeof(f->hash));
	}
	if (generation != f->generation)
		fail_msg(
		    "flock %s has the bundle %u instead of %u", f->id, generation, f->generation);
	if (generation != 0)
		check_file(k, f);
}

/* ---- flocks ---- */

/* The same request again: the first answer if it was done, a flock now if it was not. */
static void
make_again(struct look *k, const json_t *list)
{
	struct promised_flock *f = &k->life->flocks[k->life->flocks_count];
	const json_t *row = row_of(list, "label", k->open.label);
	const char *json = path_of("{\"label\": \"%s\"}", k->open.label);
	struct ask again = { .method = "POST",
		.path = "/v1/flocks",
		.json = json,
		.token = k->life->who.token,
		.repeat = path_of(FLOCK_KEY "%s", k->open.label) };
	struct got a = ask(k->t, &again);

	if (a.status != 201)
		fail_msg("the same flock again: %u %s", a.status, a.body);
	assert_int_equal(got_field(&a, "Idempotency-Replayed") != NULL, row != NULL);
	if (row != NULL)
		assert_string_equal(got_text(&a, "id"), text_of(row, "id"));
	*f = (struct promised_flock){ .gone = false };
	snprintf(f->id, sizeof(f->id), "%s", got_text(&a, "id"));
	strcpy(f->label, k->open.label);
	k->life->flocks_count++;
	got_free(a);
}

static void
check_flock(struct look *k, unsigned n, const json_t *row)
{
	struct promised_flock *f = &k->life->flocks[n];

	if (f->gone || row == NULL) {
		if (row == NULL && is_open(k, FLOCK_END, f))
			f->gone = true;
		if (!f->gone || row != NULL)
			fail_msg("flock %s is %s", f->id, f->gone ? "back" : "lost");
		return;
	}
	assert_string_equal(text_of(row, "label"), f->label);
	check_devices(k, f);
	check_enrolments(k, f);
	check_bundle(k, f, row);
}

static void
check_flocks(struct look *k)
{
	struct got a;
	json_t *list;
	size_t known = 0;

	if (k->open.deed == FLOCK_MAKE) {
		a = list_get(k, "/v1/flocks", "flocks", &list);
		make_again(k, list);
		got_free(a);
	}
	a = list_get(k, "/v1/flocks", "flocks", &list);
	for (unsigned n = 0; n < k->life->flocks_count; n++) {
		check_flock(k, n, row_of(list, "id", k->life->flocks[n].id));
		known += !k->life->flocks[n].gone;
	}
	has_no_more(list, known, "flocks");
	got_free(a);
}

/* ---- xflocks ---- */

static const json_t *
consent_of(const json_t *list, const char *from, const char *to)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);

		if (strcmp(text_of(row, "flock_a"), from) == 0 &&
		    strcmp(text_of(row, "flock_b"), to) == 0)
			return row;
	}
	return NULL;
}

/* From flock n to the account's others: how many there are. */
static size_t
check_consents_of(struct look *k, unsigned n, const json_t *list)
{
	struct promised_life *l = k->life;
	struct promised_flock *f = &l->flocks[n];
	size_t count = 0;

	for (unsigned i = 0; i < l->flocks_count; i++) {
		const json_t *row = consent_of(list, f->id, l->flocks[i].id);
		bool settles = is_open(k, CONSENT, f) || is_open(k, CONSENT_END, f);

		if (settles && k->open.other == i)
			f->consents = (f->consents & ~(1u << i)) | (unsigned)(row != NULL) << i;
		if ((row != NULL) != (f->consents >> i & 1))
			fail_msg("consent of %s to %s is %s", f->id, l->flocks[i].id,
			    row != NULL ? "back" : "lost");
		count += row != NULL;
	}
	return count;
}

static void
check_consents(struct look *k)
{
	struct got a;
	json_t *list;
	size_t known = 0;

	a = list_get(k, "/v1/xflocks", "xflocks", &list);
	for (unsigned n = 0; n < k->life->flocks_count; n++) {
		if (!k->life->flocks[n].gone)
			known += check_consents_of(k, n, list);
	}
	has_no_more(list, known, "xflocks");
	got_free(a);
}

static void
check_life(struct look *k)
{
	unsigned status = status_of(k, "/v1/account", k->life->who.token);

	if (k->open.deed == LIFE_END && status == 401)
		k->life->gone = true;
	assert_int_equal(status, k->life->gone ? 401 : 200);
	if (k->life->gone)
		return;
	check_tokens(k);
	check_flocks(k);
	check_consents(k);
}

void
promises_check(struct promises *p, const struct endpoint *at, sqlite3 *db, const char *bundles)
{
	const struct test_api t = { .at = *at };
	struct look k = { .p = p, .t = &t, .db = db, .bundles = bundles };

	if (p->wrong[0] != '\0')
		fail_msg("%s", p->wrong);
	for (unsigned n = 0; n < p->lives_count; n++) {
		k.life = &p->lives[n];
		k.open = (struct open_deed){ .deed = NOTHING };
		if (p->open.life == n)
			k.open = p->open;
		check_life(&k);
	}
	p->open.deed = NOTHING;
}
