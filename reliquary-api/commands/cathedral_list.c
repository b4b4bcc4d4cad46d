/* SPDX-License-Identifier: ISC */
#include "reliquary-api/commands/cathedral_json.h"
#include "reliquary-api/commands/command.h"
#include "reliquary-api/commands/office.h"
#include "reliquary-api/commands/output.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/store/cathedrals.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROW "%-16s  %-8s  %-8s  %-21s  %-5s  %-8s  %-20s  %-6s  %s\n"

struct listing_out {
	struct fault *why;
	bool json, ok;
	int64_t now;
};

/* Only of one that says how far it is. */
static json_t *
known_json(const struct cathedral_row *c, uint64_t number)
{
	return c->says_change ? json_integer((json_int_t)number) : json_null();
}

json_t *
cathedral_json(const struct cathedral_row *c, int64_t now)
{
	const char *state = cathedral_state_name(cathedral_state(c, now));

	return json_pack("{s:s, s:s, s:s, s:i, s:o, s:b, s:s, s:o, s:o, s:s, s:I, s:o, s:o}",
	    "name", c->name, "region", c->region, "address", c->address, "port", (int)c->port,
	    "nat_port", c->nat_port != 0 ? json_integer(c->nat_port) : json_null(), "shroud",
	    (int)c->shroud, "state", state, "created", time_json(c->created), "seen",
	    time_json(c->seen), "version", c->version, "load", (json_int_t)c->load, "change",
	    known_json(c, c->change), "behind", known_json(c, c->behind));
}

static bool
cathedral_out(void *arg, const struct cathedral_row *c)
{
	struct listing_out *l = arg;
	const char *state = cathedral_state_name(cathedral_state(c, l->now));
	bool v6 = strchr(c->address, ':') != NULL;
	char at[CATHEDRAL_ADDRESS + 16], seen[OUTPUT_TIME], nat[8] = "-", behind[24] = "-";

	if (l->json)
		return l->ok = output_json(cathedral_json(c, l->now), l->why);
	snprintf(at, sizeof(at), "%s%s%s:%u", v6 ? "[" : "", c->address, v6 ? "]" : "", c->port);
	if (c->nat_port != 0)
		snprintf(nat, sizeof(nat), "%u", c->nat_port);
	if (c->says_change)
		snprintf(behind, sizeof(behind), "%" PRIu64, c->behind);
	printf(ROW, c->name, c->region[0] != '\0' ? c->region : "-", state, at, nat,
	    c->shroud ? "shrouded" : "clear", output_time(c->seen, seen), behind,
	    c->version[0] != '\0' ? c->version : "-");
	return true;
}

static bool
list(struct office *o, struct listing_out *l)
{
	enum store_result result;

	l->now = o->now;
	if (!l->json)
		printf(ROW, "NAME", "REGION", "STATE", "ADDRESS", "NAT", "KIND", "LAST SEEN",
		    "BEHIND", "VERSION");
	result = cathedral_list(o->session, cathedral_out, l);
	if (result != STORE_OK && result != STORE_NONE)
		return office_result(result, "cathedral", "cathedrals", l->why);
	return l->ok;
}

enum outcome
cathedral_command_list(const struct invocation *in, struct fault *why)
{
	struct listing_out l = { .why = why, .json = invocation_has(in, "json"), .ok = true };
	struct office o;
	bool ok = office_open(&o, in, why) && list(&o, &l);

	office_close(&o);
	return ok ? DONE : FAILED;
}
