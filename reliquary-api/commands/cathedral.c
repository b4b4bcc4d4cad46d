/* SPDX-License-Identifier: ISC */
#include "base/endpoint.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/auth/token.h"
#include "reliquary-api/commands/cathedral_json.h"
#include "reliquary-api/commands/command.h"
#include "reliquary-api/commands/office.h"
#include "reliquary-api/commands/output.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/store/cathedrals.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One cathedral, from the command line or the database, and what is done with it. */
struct task {
	struct office *office;
	const struct invocation *in;
	struct cathedral_row row;
	uint64_t nat_port;
	struct hash32 token_hash;
};

static bool
set_word(char *to, size_t size, const char *what, const char *text, struct fault *why)
{
	size_t len = strlen(text);

	if (len == 0 || len >= size ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") != len)
		return fault_set(why,
		    "%s: a %s has 1 to %zu lower-case letters, digits, dots and hyphens", text,
		    what, size - 1);
	memcpy(to, text, len + 1);
	return true;
}

/* Names are not resolved: what tenants are told has to be right in itself. */
static bool
set_address(struct cathedral_row *row, const char *text, struct fault *why)
{
	struct endpoint e;
	uint8_t ip[4];

	if (!endpoint_parse(&e, text) || e.port == 0 || endpoint_is_any(&e))
		return fault_set(why, "%s: not ADDRESS:PORT or [ADDRESS]:PORT", text);
	row->port = e.port;
	endpoint_ipv4(&e, ip);
	if (endpoint_is_ipv4(&e))
		inet_ntop(AF_INET, ip, row->address, sizeof(row->address));
	else
		inet_ntop(AF_INET6, e.ip, row->address, sizeof(row->address));
	return true;
}

/* What the options say, into the row. */
static bool
apply_options(struct task *t, struct fault *why)
{
	const char *address = invocation_value(t->in, "address");
	const char *region = invocation_value(t->in, "region");

	if (address != NULL && !set_address(&t->row, address, why))
		return false;
	if (region != NULL &&
	    !set_word(t->row.region, sizeof(t->row.region), "region", region, why))
		return false;
	if (invocation_has(t->in, "nat-port"))
		t->row.nat_port = (uint16_t)t->nat_port;
	if (invocation_has(t->in, "clear") || invocation_has(t->in, "shroud"))
		t->row.shroud = invocation_has(t->in, "shroud");
	return true;
}

static bool
check_ports(const struct task *t, struct fault *why)
{
	return t->row.nat_port != t->row.port ||
	       fault_set(
		   why, "%s: %u cannot be its port and its NAT port", t->row.name, t->row.port);
}

static bool
read_command(struct task *t, struct office *o, const struct invocation *in, struct fault *why)
{
	memset(t, 0, sizeof(*t));
	t->office = o;
	t->in = in;
	if (invocation_has(in, "clear") && invocation_has(in, "shroud"))
		return fault_set(why, "--clear and --shroud cannot both be");
	return set_word(t->row.name, sizeof(t->row.name), "name", in->words[0], why) &&
	       output_number(in, "nat-port", 0, 65535, &t->nat_port, why);
}

static bool
do_task(struct task *t, enum store_result (*act)(struct session *s, void *arg), struct fault *why)
{
	enum store_result result = store_atomically(t->office->session, act, t);

	if (result == STORE_CONFLICT)
		return fault_set(
		    why, "%s: there is a cathedral of this name or address already", t->row.name);
	return office_result(result, "cathedral", t->row.name, why);
}

/* Only its hash is kept: it can be shown once, now. */
static void
new_token(struct task *t, char token[static TOKEN_TEXT])
{
	struct secret_hash hash;

	token_new(token, (TOKEN_TEXT - 1) / 2, &t->office->random);
	hash = vault_hash(t->office->vault, SECRET_CATHEDRAL_TOKEN, token, TOKEN_TEXT - 1);
	memcpy(t->token_hash.bytes, hash.bytes, sizeof(t->token_hash.bytes));
}

static enum store_result
act_add(struct session *s, void *arg)
{
	const struct task *t = arg;

	return cathedral_add(s, &t->row, &t->token_hash, t->office->now);
}

static enum store_result
act_token(struct session *s, void *arg)
{
	const struct task *t = arg;

	return cathedral_set_token(s, t->row.name, &t->token_hash);
}

/* The token alone on standard output, for whatever reads it there. */
static bool
give_token(
    struct task *t, enum store_result (*act)(struct session *s, void *arg), struct fault *why)
{
	char token[TOKEN_TEXT];
	bool ok;

	if (!office_unlock(t->office, why))
		return false;
	new_token(t, token);
	ok = do_task(t, act, why);
	if (ok && invocation_has(t->in, "json")) {
		ok = output_json(json_pack("{s:s, s:s}", "name", t->row.name, "token", token), why);
	} else if (ok) {
		fprintf(stderr, "%s: its token, which is not shown again:\n", t->row.name);
		puts(token);
	}
	secret_wipe(token, sizeof(token));
	return ok;
}

enum outcome
cathedral_command_add(const struct invocation *in, struct fault *why)
{
	struct office o;
	struct task t;
	bool ok;

	if (!read_command(&t, &o, in, why) || !set_address(&t.row, in->words[1], why))
		return MISUSED;
	t.row.shroud = true;
	if (!apply_options(&t, why) || !check_ports(&t, why))
		return MISUSED;
	ok = office_open(&o, in, why) && give_token(&t, act_add, why);
	office_close(&o);
	return ok ? DONE : FAILED;
}

enum outcome
cathedral_command_token(const struct invocation *in, struct fault *why)
{
	struct office o;
	struct task t;
	bool ok;

	if (!read_command(&t, &o, in, why))
		return MISUSED;
	ok = office_open(&o, in, why) && give_token(&t, act_token, why);
	office_close(&o);
	return ok ? DONE : FAILED;
}

/* The row as it is now, changed as the options say. */
struct setting {
	struct task *task;
	struct fault *why;
	bool refused;
};

static enum store_result
act_set(struct session *s, void *arg)
{
	struct setting *set = arg;
	struct task *t = set->task;
	enum store_result result = cathedral_get(s, t->row.name, &t->row);

	if (result != STORE_OK)
		return result;
	set->refused = !apply_options(t, set->why) || !check_ports(t, set->why);
	return set->refused ? STORE_CONFLICT : cathedral_set(s, &t->row, t->office->now);
}

static bool
say_changed(const struct task *t, const char *how, struct fault *why)
{
	if (invocation_has(t->in, "json"))
		return output_json(cathedral_json(&t->row, t->office->now), why);
	printf("%s: %s\n", t->row.name, how);
	return true;
}

static bool
set(struct task *t, struct fault *why)
{
	struct setting set = { .task = t, .why = why };
	enum store_result result = store_atomically(t->office->session, act_set, &set);

	if (set.refused)
		return false;
	if (result == STORE_CONFLICT)
		return fault_set(why, "%s: another cathedral has this address", t->row.name);
	return office_result(result, "cathedral", t->row.name, why);
}

enum outcome
cathedral_command_set(const struct invocation *in, struct fault *why)
{
	struct task t, trial;
	struct office o;
	bool ok;

	if (in->own_count == invocation_has(in, "json")) {
		fault_set(why, "cathedral set takes --address, --nat-port, --region, --clear or "
			       "--shroud");
		return MISUSED;
	}
	if (!read_command(&t, &o, in, why))
		return MISUSED;
	trial = t; /* whether they can be right at all, before the database is asked */
	if (!apply_options(&trial, why))
		return MISUSED;
	ok = office_open(&o, in, why) && set(&t, why) && say_changed(&t, "changed", why);
	office_close(&o);
	return ok ? DONE : FAILED;
}

static enum store_result
act_drain(struct session *s, void *arg)
{
	struct task *t = arg;
	enum store_result result = cathedral_get(s, t->row.name, &t->row);

	t->row.draining = !invocation_has(t->in, "off");
	return result == STORE_OK ? cathedral_set(s, &t->row, t->office->now) : result;
}

enum outcome
cathedral_command_drain(const struct invocation *in, struct fault *why)
{
	struct office o;
	struct task t;
	bool ok;

	if (!read_command(&t, &o, in, why))
		return MISUSED;
	ok = office_open(&o, in, why) && do_task(&t, act_drain, why) &&
	     say_changed(&t, t.row.draining ? "handed out to nobody new" : "handed out again", why);
	office_close(&o);
	return ok ? DONE : FAILED;
}

static enum store_result
act_remove(struct session *s, void *arg)
{
	const struct task *t = arg;

	return cathedral_remove(s, t->row.name, t->office->now);
}

enum outcome
cathedral_command_remove(const struct invocation *in, struct fault *why)
{
	struct office o;
	struct task t;
	bool ok;

	if (!read_command(&t, &o, in, why))
		return MISUSED;
	ok = office_open(&o, in, why) &&
	     office_result(
		 cathedral_get(o.session, t.row.name, &t.row), "cathedral", t.row.name, why) &&
	     output_confirm(in, why, "Remove cathedral %s, whose token dies?", t.row.name) &&
	     do_task(&t, act_remove, why) && output_deleted(in, t.row.name, "removed", why);
	office_close(&o);
	return ok ? DONE : FAILED;
}
