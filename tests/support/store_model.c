/* SPDX-License-Identifier: ISC */
#include "tests/support/store_model.h"

#include <string.h>

static void
note(struct model *m, unsigned a, unsigned b)
{
	m->noted[a < b ? a : b][a < b ? b : a] = ++m->last;
}

/* The flock has other devices now, which its xflocks' ambries go by. */
static void
note_devices(struct model *m, unsigned flock)
{
	note(m, flock, flock);
	for (unsigned other = 0; other < MODEL_FLOCKS; other++) {
		if (model_established(m, flock, other))
			note(m, flock, other);
	}
}

static bool
owns(const struct model *m, const struct model_ask *a)
{
	return m->flocks[a->flock].owner == a->who;
}

bool
model_waits(const struct model *m, unsigned flock, unsigned device)
{
	const struct model_device *d = &m->devices[flock][device];

	return d->state == DEVICE_PENDING && d->created >= model_joins_since(m);
}

bool
model_established(const struct model *m, unsigned a, unsigned b)
{
	return m->consents[a][b] != 0 && m->consents[b][a] != 0;
}

static struct model_bundle *
bundle_of(struct model *m, unsigned a, unsigned b)
{
	return &m->bundles[a < b ? a : b][a < b ? b : a];
}

const struct model_bundle *
model_bundle(const struct model *m, unsigned a, unsigned b)
{
	return &m->bundles[a < b ? a : b][a < b ? b : a];
}

static void
bundle_remove(struct model *m, unsigned a, unsigned b)
{
	struct model_bundle *bundle = bundle_of(m, a, b);

	m->leftovers += bundle->there;
	bundle->there = false;
}

/* ---- flocks ---- */

enum store_result
model_flock_create(struct model *m, const struct model_ask *a)
{
	unsigned count = 0;

	for (unsigned f = 0; f < MODEL_FLOCKS; f++)
		count += m->flocks[f].owner == a->who;
	if (count >= MODEL_QUOTA)
		return STORE_FULL;
	if (m->flocks[a->flock].owner != 0)
		return STORE_CONFLICT;
	m->flocks[a->flock].owner = a->who;
	m->flocks[a->flock].label = a->label;
	m->flocks[a->flock].created = m->now;
	return STORE_OK;
}

enum store_result
model_flock_relabel(struct model *m, const struct model_ask *a)
{
	if (!owns(m, a))
		return STORE_NONE;
	m->flocks[a->flock].label = a->label;
	return STORE_OK;
}

enum store_result
model_flock_delete(struct model *m, const struct model_ask *a)
{
	if (!owns(m, a))
		return STORE_NONE;
	note_devices(m, a->flock);
	for (unsigned other = 0; other < MODEL_FLOCKS; other++) {
		bundle_remove(m, a->flock, other);
		m->consents[a->flock][other] = 0;
	}
	memset(m->devices[a->flock], 0, sizeof(m->devices[a->flock]));
	memset(m->enrolments[a->flock], 0, sizeof(m->enrolments[a->flock]));
	m->flocks[a->flock].owner = 0;
	return STORE_OK;
}

/* ---- devices ---- */

static bool
number_taken(const struct model *m, unsigned flock, uint8_t kek)
{
	for (unsigned d = 0; d < MODEL_DEVICES; d++) {
		if (m->devices[flock][d].state == DEVICE_APPROVED &&
		    m->devices[flock][d].kek == kek)
			return true;
	}
	return false;
}

static uint8_t
lowest_free(const struct model *m, unsigned flock)
{
	uint8_t kek = 1;

	while (number_taken(m, flock, kek))
		kek++;
	return kek;
}

enum store_result
model_join(struct model *m, const struct model_ask *a)
{
	struct model_device *d = &m->devices[a->flock][a->device];
	unsigned count = 0;

	for (unsigned i = 0; i < MODEL_DEVICES; i++)
		count += model_waits(m, a->flock, i);
	if (count >= MODEL_JOINS)
		return STORE_FULL;
	if (d->state != DEVICE_NONE)
		return STORE_CONFLICT;
	*d = (struct model_device){
		.state = DEVICE_PENDING, .label = a->label, .created = m->now, .secret = a->secret
	};
	return STORE_OK;
}

static void
approve(struct model *m, const struct model_ask *a, uint8_t kek)
{
	struct model_device *d = &m->devices[a->flock][a->device];

	d->state = DEVICE_APPROVED;
	d->kek = kek;
	d->bw_limit = MODEL_MBIT;
	note_devices(m, a->flock);
}

enum store_result
model_enrol(struct model *m, const struct model_ask *a, uint8_t *kek)
{
	struct model_enrolment *e = &m->enrolments[a->other][a->key];
	struct model_device *d = &m->devices[a->flock][a->device];

	if (a->other != a->flock || !e->there || e->uses == 0 || e->expires <= m->now)
		return STORE_NONE;
	if (d->state != DEVICE_NONE)
		return STORE_CONFLICT;
	e->uses--;
	*d = (struct model_device){ .label = a->label, .created = m->now, .secret = a->secret };
	*kek = lowest_free(m, a->flock);
	approve(m, a, *kek);
	return STORE_OK;
}

enum store_result
model_approve(struct model *m, const struct model_ask *a, uint8_t *kek)
{
	const struct model_device *d = &m->devices[a->flock][a->device];

	if (!owns(m, a))
		return STORE_NONE;
	if (d->state == DEVICE_APPROVED) {
		*kek = d->kek;
		return STORE_CONFLICT;
	}
	if (!model_waits(m, a->flock, a->device))
		return STORE_NONE;
	if (a->kek != 0 && number_taken(m, a->flock, a->kek)) {
		*kek = 0;
		return STORE_CONFLICT;
	}
	*kek = a->kek != 0 ? a->kek : lowest_free(m, a->flock);
	approve(m, a, *kek);
	return STORE_OK;
}

/* Of the owner's: one that waits, or an approved one; NULL otherwise. */
static struct model_device *
device_of(struct model *m, const struct model_ask *a)
{
	struct model_device *d = &m->devices[a->flock][a->device];

	if (!owns(m, a))
		return NULL;
	return d->state == DEVICE_APPROVED || model_waits(m, a->flock, a->device) ? d : NULL;
}

enum store_result
model_update(struct model *m, const struct model_ask *a)
{
	struct model_device *d = device_of(m, a);

	if (d == NULL)
		return STORE_NONE;
	if (a->bw_limit != 0 && d->state == DEVICE_PENDING)
		return STORE_CONFLICT;
	if (a->bw_limit > MODEL_MBIT)
		return STORE_FULL;
	if (a->label != 0)
		d->label = a->label;
	if (a->bw_limit != 0) {
		d->bw_limit = a->bw_limit;
		note(m, a->flock, a->flock);
	}
	return STORE_OK;
}

enum store_result
model_set_secret(struct model *m, const struct model_ask *a)
{
	struct model_device *d = device_of(m, a);

	if (d == NULL)
		return STORE_NONE;
	d->secret = a->secret;
	if (d->state == DEVICE_APPROVED)
		note(m, a->flock, a->flock);
	return STORE_OK;
}

enum store_result
model_device_delete(struct model *m, const struct model_ask *a)
{
	struct model_device *d = device_of(m, a);

	if (d == NULL)
		return STORE_NONE;
	if (d->state == DEVICE_APPROVED)
		note_devices(m, a->flock);
	d->state = DEVICE_NONE;
	return STORE_OK;
}

/* ---- enrolment keys ---- */

enum store_result
model_enrolment_create(struct model *m, const struct model_ask *a)
{
	struct model_enrolment *e = &m->enrolments[a->flock][a->key];
	unsigned count = 0;

	if (!owns(m, a))
		return STORE_NONE;
	for (unsigned k = 0; k < MODEL_KEYS; k++)
		count +=
		    m->enrolments[a->flock][k].there && m->enrolments[a->flock][k].expires > m->now;
	if (count >= MODEL_ENROLMENTS)
		return STORE_FULL;
	if (e->there)
		return STORE_CONFLICT;
	*e = (struct model_enrolment){ true, a->uses, m->now, m->now + a->lasts_s };
	return STORE_OK;
}

enum store_result
model_enrolment_delete(struct model *m, const struct model_ask *a)
{
	struct model_enrolment *e = &m->enrolments[a->flock][a->key];

	if (!owns(m, a) || !e->there)
		return STORE_NONE;
	e->there = false;
	return STORE_OK;
}

/* ---- agreements and bundles ---- */

enum store_result
model_consent(struct model *m, const struct model_ask *a, bool *established)
{
	int64_t *consent = &m->consents[a->flock][a->other];
	unsigned count = 0;

	*established = false;
	if (!owns(m, a))
		return STORE_NONE;
	for (unsigned other = 0; other < MODEL_FLOCKS; other++)
		count += m->consents[a->flock][other] != 0;
	if (*consent == 0 && count >= MODEL_CONSENTS)
		return STORE_FULL;
	if (a->flock == a->other)
		return STORE_CONFLICT;
	*established = m->consents[a->other][a->flock] != 0;
	if (*consent == 0) {
		*consent = m->now;
		if (*established)
			note(m, a->flock, a->other);
	}
	return STORE_OK;
}

enum store_result
model_withdraw(struct model *m, const struct model_ask *a)
{
	bool established = model_established(m, a->flock, a->other);

	if (!owns(m, a) || m->consents[a->flock][a->other] == 0)
		return STORE_NONE;
	bundle_remove(m, a->flock, a->other);
	m->consents[a->flock][a->other] = 0;
	if (established)
		note(m, a->flock, a->other);
	return STORE_OK;
}

enum store_result
model_bundle_put(struct model *m, const struct model_ask *a)
{
	struct model_bundle *b = bundle_of(m, a->flock, a->other);

	if (!owns(m, a))
		return STORE_NONE;
	if (a->flock != a->other && !model_established(m, a->flock, a->other))
		return STORE_NONE;
	if (b->there && b->generation == a->generation)
		return STORE_CONFLICT;
	bundle_remove(m, a->flock, a->other);
	*b = (struct model_bundle){ true, a->generation, m->now };
	note(m, a->flock, a->other);
	return STORE_OK;
}

uint64_t
model_upkeep(struct model *m)
{
	uint64_t ended = 0;

	for (unsigned f = 0; f < MODEL_FLOCKS; f++) {
		for (unsigned d = 0; d < MODEL_DEVICES; d++) {
			if (m->devices[f][d].state == DEVICE_PENDING && !model_waits(m, f, d)) {
				m->devices[f][d].state = DEVICE_NONE;
				ended++;
			}
		}
		for (unsigned k = 0; k < MODEL_KEYS; k++) {
			struct model_enrolment *e = &m->enrolments[f][k];

			if (e->there && e->expires <= m->now) {
				e->there = false;
				ended++;
			}
		}
	}
	return ended;
}
