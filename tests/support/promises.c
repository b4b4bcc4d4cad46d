/* SPDX-License-Identifier: ISC */
#include "tests/support/promises.h"

#include "base/hex.h"
#include "tests/support/promises_parts.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAYS 30
#define USES 99

/* Who asks for what: the account's last flock that is there, unless another is said. */
struct turn {
	struct promises *p;
	struct promised_life *life;
	struct promised_flock *flock; /* NULL: none yet */
};

struct promises *
promises_create(uint64_t seed)
{
	struct promises *p = calloc(1, sizeof(*p));
	struct flock_id none = { 0 };

	assert_non_null(p);
	random_from_seed(&p->random, seed);
	p->http.fd = -1;
	p->bundle = bundle_make(none, none, 1, clock_now().wall_s, DAYS);
	return p;
}

void
promises_destroy(struct promises *p)
{
	free(p->bundle.bytes);
	free(p);
}

unsigned
promises_made(const struct promises *p)
{
	return p->made;
}

unsigned
promises_open(const struct promises *p)
{
	return p->left_open;
}

void
bundle_hash(const void *bytes, size_t len, uint8_t hash[static 32])
{
	crypto_generichash(hash, 32, bytes, len, NULL, 0);
}

/* ---- asking ---- */

static bool
wrong(struct promises *p, const struct ask *a, const struct got *got)
{
	snprintf(p->wrong, sizeof(p->wrong), "%s %s: %u %.300s", a->method, a->path, got->status,
	    got->body != NULL ? got->body : "(no answer)");
	return false;
}

/* False: no answer, or none of success.  got is to be freed in any case. */
static bool
asked(struct turn *t, const struct ask *a, struct got *got)
{
	if (!ask_on(&t->p->http, a, got))
		return false;
	if (got->status < 200 || got->status > 299)
		return wrong(t->p, a, got);
	t->p->made++;
	t->p->open.deed = NOTHING;
	return true;
}

static bool
take(struct turn *t, const struct ask *a, const struct got *got, const char *member, char *to,
    size_t size)
{
	const char *text = json_string_value(json_object_get(got->json, member));

	if (text == NULL || strlen(text) != size - 1)
		return wrong(t->p, a, got);
	memcpy(to, text, size);
	return true;
}

/* The number that a device was given. */
static bool
take_kek(struct turn *t, const struct ask *a, const struct got *got, unsigned *kek)
{
	const char *text = json_string_value(json_object_get(got->json, "device_kek"));

	*kek = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 0;
	return *kek != 0 || wrong(t->p, a, got);
}

static void
new_label(struct promises *p, char label[static LABEL_SIZE])
{
	snprintf(label, LABEL_SIZE, "n%u", p->labels++);
}

/* What is asked for next, in case that nobody answers. */
static struct open_deed *
open_deed(struct turn *t, enum deed deed)
{
	struct open_deed *o = &t->p->open;

	*o = (struct open_deed){ .deed = deed };
	o->life = (unsigned)(t->life - t->p->lives);
	if (t->flock != NULL)
		o->flock = (unsigned)(t->flock - t->life->flocks);
	new_label(t->p, o->label);
	return o;
}

/* A request with nothing in its answer that is worth keeping. */
static bool
done(struct turn *t, const char *method, const char *path)
{
	struct ask a = { .method = method, .path = path, .token = t->life->who.token };
	struct got got;
	bool ok = asked(t, &a, &got);

	got_free(got);
	return ok;
}

/* ---- deeds: each returns false when it was not told that it is done ---- */

static bool
life_begin(struct turn *t)
{
	struct ask a = { .method = "POST", .path = "/v1/register" };
	struct promised_life *life = &t->p->lives[t->p->lives_count];
	struct got got;
	bool ok;

	t->life = life;
	open_deed(t, LIFE_BEGIN);
	*life = (struct promised_life){ .tokens = 1 };
	ok = asked(t, &a, &got) &&
	     take(t, &a, &got, "account", life->who.account, sizeof(life->who.account)) &&
	     take(t, &a, &got, "token", life->who.token, sizeof(life->who.token));
	got_free(got);
	t->p->lives_count += ok;
	return ok;
}

static bool
life_end(struct turn *t)
{
	open_deed(t, LIFE_END);
	if (!done(t, "DELETE", "/v1/account"))
		return false;
	t->life->gone = true;
	return true;
}

static bool
token_change(struct turn *t)
{
	struct ask a = { .method = "POST",
		.path = "/v1/tokens",
		.token = t->life->who.token,
		.json = "{\"scope\": \"read\"}" };
	struct promised_life *l = t->life;
	char path[64];
	struct got got;
	bool ok;

	if (l->token[0] != '\0') {
		open_deed(t, TOKEN_END);
		snprintf(path, sizeof(path), "/v1/tokens/%s", l->token_id);
		if (!done(t, "DELETE", path))
			return false;
		strcpy(l->ended, l->token);
		l->token[0] = '\0';
		l->tokens--;
		return true;
	}
	open_deed(t, TOKEN_MAKE);
	ok = asked(t, &a, &got) && take(t, &a, &got, "token", l->token, sizeof(l->token)) &&
	     take(t, &a, &got, "id", l->token_id, sizeof(l->token_id));
	got_free(got);
	l->tokens += ok;
	return ok;
}

static bool
flock_make(struct turn *t)
{
	struct promised_flock *f = &t->life->flocks[t->life->flocks_count];
	char json[64], key[64];
	struct ask a = { .method = "POST",
		.path = "/v1/flocks",
		.token = t->life->who.token,
		.json = json,
		.repeat = key };
	struct open_deed *o;
	struct got got;
	bool ok;

	t->flock = f;
	o = open_deed(t, FLOCK_MAKE);
	snprintf(json, sizeof(json), "{\"label\": \"%s\"}", o->label);
	snprintf(key, sizeof(key), FLOCK_KEY "%s", o->label);
	*f = (struct promised_flock){ .gone = false };
	strcpy(f->label, o->label);
	ok = asked(t, &a, &got) && take(t, &a, &got, "id", f->id, sizeof(f->id));
	got_free(got);
	t->life->flocks_count += ok;
	return ok;
}

static bool
flock_end(struct turn *t)
{
	char path[64];

	open_deed(t, FLOCK_END);
	snprintf(path, sizeof(path), "/v1/flocks/%s", t->flock->id);
	if (!done(t, "DELETE", path))
		return false;
	t->flock->gone = true;
	return true;
}

/* With the flock's enrolment key, if it has one that we know, or without. */
static bool
join(struct turn *t, bool enrol)
{
	struct promised_flock *f = t->flock;
	struct promised_device *d = &f->devices[f->devices_count];
	char path[64], json[192], with_key[80] = "";
	struct ask a = { .method = "POST", .path = path, .json = json };
	struct open_deed *o = open_deed(t, enrol ? ENROL : JOIN);
	struct got got;
	bool ok;

	snprintf(path, sizeof(path), "/v1/flocks/%s/devices", f->id);
	if (enrol)
		snprintf(with_key, sizeof(with_key), ", \"enrolment_key\": \"%s\"", f->key);
	snprintf(json, sizeof(json), "{\"cosk\": \"%064x\", \"label\": \"%s\"%s}", 7, o->label,
	    with_key);
	*d = (struct promised_device){ .gone = false };
	strcpy(d->label, o->label);
	ok = asked(t, &a, &got) && take(t, &a, &got, "cathedral_id", d->id, sizeof(d->id));
	if (ok && enrol) {
		f->uses--;
		ok = take_kek(t, &a, &got, &d->kek);
	}
	got_free(got);
	f->devices_count += ok;
	return ok;
}

static bool
device_join(struct turn *t)
{
	return t->flock->devices_count == DEVICES_MOST || join(t, false);
}

static bool
device_enrol(struct turn *t)
{
	struct promised_flock *f = t->flock;
	char path[64];
	struct ask a = { .method = "POST",
		.path = path,
		.token = t->life->who.token,
		.json = "{\"uses\": 99}" };
	struct got got;
	bool ok;

	if (f->devices_count == DEVICES_MOST)
		return true;
	if (f->key[0] != '\0')
		return join(t, true);
	if (f->enrolment[0] != '\0')
		return true;
	open_deed(t, ENROLMENT_MAKE);
	snprintf(path, sizeof(path), "/v1/flocks/%s/enrolments", f->id);
	f->uses = USES;
	ok = asked(t, &a, &got) && take(t, &a, &got, "enrolment_key", f->key, sizeof(f->key)) &&
	     take(t, &a, &got, "id", f->enrolment, sizeof(f->enrolment));
	got_free(got);
	return ok;
}

/* One of the flock's devices that are there; NULL without. */
static struct promised_device *
device_of(struct turn *t, bool pending)
{
	struct promised_flock *f = t->flock;
	unsigned from = f->devices_count > 0 ? random_below(&t->p->random, f->devices_count) : 0;

	for (unsigned i = 0; i < f->devices_count; i++) {
		struct promised_device *d = &f->devices[(from + i) % f->devices_count];

		if (!d->gone && (!pending || d->kek == 0))
			return d;
	}
	return NULL;
}

static bool
device_approve(struct turn *t)
{
	struct promised_device *d = device_of(t, true);
	char path[96];
	struct ask a = { .method = "POST", .path = path, .token = t->life->who.token };
	struct got got;
	bool ok;

	if (d == NULL)
		return true;
	open_deed(t, APPROVE)->device = (unsigned)(d - t->flock->devices);
	snprintf(path, sizeof(path), "/v1/flocks/%s/devices/%s/approve", t->flock->id, d->id);
	ok = asked(t, &a, &got) && take_kek(t, &a, &got, &d->kek);
	got_free(got);
	return ok;
}

static bool
device_end(struct turn *t)
{
	struct promised_device *d = device_of(t, false);
	char path[96];

	if (d == NULL)
		return true;
	open_deed(t, DEVICE_END)->device = (unsigned)(d - t->flock->devices);
	snprintf(path, sizeof(path), "/v1/flocks/%s/devices/%s", t->flock->id, d->id);
	if (!done(t, "DELETE", path))
		return false;
	d->gone = true;
	return true;
}

/* Only the first flock of an account has bundles: they are large. */
static bool
upload(struct turn *t)
{
	struct promises *p = t->p;
	struct promised_flock *f = &t->life->flocks[0];
	struct ask a = { .method = "PUT", .token = t->life->who.token };
	struct flock_id id = { 0 };
	struct open_deed *o;
	char path[64];
	struct got got;
	bool ok;

	if (f->gone)
		return true;
	t->flock = f;
	o = open_deed(t, UPLOAD);
	o->generation = f->generation + 1;
	hex_u64(&id.value, f->id, UINT64_MAX);
	bundle_rename(&p->bundle, id);
	bundle_renumber(&p->bundle, o->generation);
	bundle_hash(p->bundle.bytes, p->bundle.len, o->hash);
	snprintf(path, sizeof(path), "/v1/flocks/%s/ambry", f->id);
	a.path = path;
	a.body = p->bundle.bytes;
	a.body_len = p->bundle.len;
	ok = asked(t, &a, &got);
	got_free(got);
	if (ok) {
		f->generation = o->generation;
		memcpy(f->hash, o->hash, sizeof(f->hash));
	}
	return ok;
}

/* To another flock of the account, or no longer. */
static bool
consent(struct turn *t)
{
	struct promised_flock *f = t->flock;
	unsigned other = random_below(&t->p->random, t->life->flocks_count);
	bool is = f->consents & 1u << other;
	char path[96];

	if (&t->life->flocks[other] == f || (t->life->flocks[other].gone && !is))
		return true;
	open_deed(t, is ? CONSENT_END : CONSENT)->other = other;
	snprintf(path, sizeof(path), "/v1/flocks/%s/xflocks/%s", f->id, t->life->flocks[other].id);
	if (!done(t, is ? "DELETE" : "PUT", path))
		return false;
	f->consents ^= 1u << other;
	return true;
}

/* ---- which one ---- */

static const struct {
	bool (*run)(struct turn *t);
	unsigned often; /* of all */
} deeds[] = {
	{ token_change, 4 },
	{ flock_end, 2 },
	{ device_join, 12 },
	{ device_approve, 10 },
	{ device_end, 5 },
	{ device_enrol, 6 },
	{ upload, 5 },
	{ consent, 6 },
	{ life_end, 1 },
};

static unsigned
lives_now(const struct promises *p)
{
	unsigned count = 0;

	for (unsigned i = 0; i < p->lives_count; i++)
		count += !p->lives[i].gone;
	return count;
}

/* Any that is there: there is one. */
static struct promised_life *
life_pick(struct promises *p)
{
	unsigned i = random_below(&p->random, p->lives_count);

	while (p->lives[i].gone)
		i = (i + 1) % p->lives_count;
	return &p->lives[i];
}

static struct promised_flock *
flock_pick(struct turn *t, unsigned *now)
{
	struct promised_flock *ret = NULL;

	*now = 0;
	for (unsigned i = 0; i < t->life->flocks_count; i++) {
		if (t->life->flocks[i].gone)
			continue;
		(*now)++;
		if (random_below(&t->p->random, *now) == 0)
			ret = &t->life->flocks[i];
	}
	return ret;
}

static bool
turn_run(struct promises *p)
{
	struct turn t = { .p = p };
	unsigned flocks, all = 0, chosen;
	size_t i = 0;

	if (lives_now(p) < LIVES_AT_ONCE && p->lives_count < LIVES_MOST)
		return life_begin(&t);
	if (lives_now(p) == 0)
		return false;
	t.life = life_pick(p);
	t.flock = flock_pick(&t, &flocks);
	if (flocks < FLOCKS_AT_ONCE && t.life->flocks_count < FLOCKS_MOST)
		return flock_make(&t);
	if (t.flock == NULL)
		return life_end(&t);

	for (size_t n = 0; n < sizeof(deeds) / sizeof(deeds[0]); n++)
		all += deeds[n].often;
	chosen = random_below(&p->random, all);
	while (chosen >= deeds[i].often)
		chosen -= deeds[i++].often;
	return deeds[i].run(&t);
}

void
promises_go_on(struct promises *p, const struct endpoint *at, const atomic_bool *down)
{
	p->open.deed = NOTHING;
	if (!http_open(&p->http, at)) {
		if (!atomic_load(down))
			snprintf(p->wrong, sizeof(p->wrong), "nobody listens");
		return;
	}
	while (turn_run(p))
		continue;
	http_close(&p->http);
	p->left_open += p->open.deed != NOTHING;
	if (p->wrong[0] == '\0' && !atomic_load(down))
		snprintf(p->wrong, sizeof(p->wrong), "no answer from a service that runs");
}
