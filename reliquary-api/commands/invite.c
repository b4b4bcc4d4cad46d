/* SPDX-License-Identifier: ISC */
#include "base/hex.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/auth/token.h"
#include "reliquary-api/commands/command.h"
#include "reliquary-api/commands/office.h"
#include "reliquary-api/commands/output.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/http/plain.h"
#include "reliquary-api/store/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INVITE_TEXT 33 /* 32 hex digits */
#define USES_MOST   1000000
#define LIFE        (7 * 86400)
#define LIFE_MOST   UINT64_C(315360000) /* ten years */
#define PAGE        500

struct making {
	struct invite invite;
	struct hash32 hash;
	struct random *random;
};

static enum store_result
make(struct session *s, void *arg)
{
	struct making *m = arg;
	enum store_result result = STORE_CONFLICT;

	for (int i = 0; result == STORE_CONFLICT && i < DRAW_TRIES; i++) {
		m->invite.id = id64_draw(m->random);
		result = invite_create(s, &m->invite, &m->hash);
	}
	return result;
}

static json_t *
invite_json(const struct invite *i, const char *id)
{
	return json_pack("{s:s, s:s, s:I, s:o, s:o}", "id", id, "label", i->label, "uses_left",
	    (json_int_t)i->uses_left, "created", time_json(i->created), "expires",
	    time_json(i->expires));
}

/* The invitation alone on standard output, for whatever reads it there. */
static bool
say(const struct invite *i, const char *text, bool json, struct fault *why)
{
	char id[ID64_TEXT], until[OUTPUT_TIME];
	json_t *object;

	if (!json) {
		fprintf(stderr, "good for %" PRIu64 " account%s until %s, and not shown again:\n",
		    i->uses_left, i->uses_left == 1 ? "" : "s", output_time(i->expires, until));
		puts(text);
		return true;
	}
	id64_text(i->id, id);
	object = invite_json(i, id);
	if (json_object_set_new(object, "invite", json_string(text)) == 0)
		return output_json(object, why);
	json_decref(object);
	return fault_set(why, "out of memory");
}

static bool
create(struct office *o, const struct invite *wish, bool json, struct fault *why)
{
	struct making m = { .invite = *wish, .random = &o->random };
	char text[INVITE_TEXT];
	struct secret_hash hash;
	bool ok;

	m.invite.created = o->now;
	m.invite.expires += o->now;
	token_new(text, (INVITE_TEXT - 1) / 2, &o->random);
	hash = vault_hash(o->vault, SECRET_INVITE, text, INVITE_TEXT - 1);
	memcpy(m.hash.bytes, hash.bytes, sizeof(m.hash.bytes));
	ok =
	    office_result(store_atomically(o->session, make, &m), "invitation", "a new one", why) &&
	    say(&m.invite, text, json, why);
	secret_wipe(text, sizeof(text));
	return ok;
}

enum outcome
invite_command_create(const struct invocation *in, struct fault *why)
{
	const char *label = invocation_value(in, "label");
	struct invite wish = { .uses_left = 1 };
	uint64_t life = LIFE;
	struct office o;
	bool ok;

	if (!output_number(in, "uses", 1, USES_MOST, &wish.uses_left, why) ||
	    !output_seconds(in, "expires-in", LIFE_MOST, &life, why))
		return MISUSED;
	if (label != NULL &&
	    (strlen(label) >= sizeof(wish.label) || !plain_is(label, strlen(label)))) {
		fault_set(why,
		    "--label: a label is at most %zu bytes of UTF-8 without control characters",
		    sizeof(wish.label) - 1);
		return MISUSED;
	}
	snprintf(wish.label, sizeof(wish.label), "%s", label != NULL ? label : "");
	wish.expires = (int64_t)life;
	ok = office_open(&o, in, why) && office_unlock(&o, why) &&
	     create(&o, &wish, invocation_has(in, "json"), why);
	office_close(&o);
	return ok ? DONE : FAILED;
}

struct page_out {
	struct fault *why;
	bool json, ok;
	uint32_t count;
	uint64_t last;
};

static bool
invite_out(void *arg, const struct invite *i)
{
	struct page_out *p = arg;
	char id[ID64_TEXT], created[OUTPUT_TIME], expires[OUTPUT_TIME];

	p->count++;
	p->last = i->id;
	id64_text(i->id, id);
	if (p->json)
		return p->ok = output_json(invite_json(i, id), p->why);
	printf("%-16s  %9" PRIu64 "  %-20s  %-20s  %s\n", id, i->uses_left,
	    output_time(i->created, created), output_time(i->expires, expires), i->label);
	return true;
}

static bool
list(struct office *o, struct page_out *p, struct fault *why)
{
	if (!p->json)
		printf("%-16s  %9s  %-20s  %-20s  %s\n", "ID", "USES LEFT", "CREATED", "EXPIRES",
		    "LABEL");
	do {
		enum store_result result;

		p->count = 0;
		result = invite_list(o->session, p->last, PAGE, invite_out, p);
		if (result != STORE_OK && result != STORE_NONE)
			return office_result(result, "invitation", "invitations", why);
	} while (p->ok && p->count == PAGE);
	return p->ok;
}

enum outcome
invite_command_list(const struct invocation *in, struct fault *why)
{
	struct page_out p = { .why = why, .json = invocation_has(in, "json"), .ok = true };
	struct office o;
	bool ok = office_open(&o, in, why) && list(&o, &p, why);

	office_close(&o);
	return ok ? DONE : FAILED;
}

static enum store_result
take_back(struct session *s, void *arg)
{
	const uint64_t *id = arg;

	return invite_delete(s, *id);
}

enum outcome
invite_command_delete(const struct invocation *in, struct fault *why)
{
	const char *name = in->words[0];
	struct office o;
	uint64_t id = 0;
	bool ok;

	if (!token_plausible(name, ID64_TEXT - 1) || !hex_u64(&id, name, UINT64_MAX)) {
		fault_set(why, "%s: not the id of an invitation, which has 16 hex digits", name);
		return MISUSED;
	}
	ok = office_open(&o, in, why) &&
	     office_result(store_atomically(o.session, take_back, &id), "invitation", name, why) &&
	     output_deleted(in, name, "taken back", why);
	office_close(&o);
	return ok ? DONE : FAILED;
}
