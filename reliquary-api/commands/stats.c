/* SPDX-License-Identifier: ISC */
#include "reliquary-api/commands/command.h"
#include "reliquary-api/commands/office.h"
#include "reliquary-api/commands/output.h"
#include "reliquary-api/store/ledger.h"

#include <inttypes.h>
#include <stdio.h>

/* Name in JSON, name for people, field. */
#define TOTALS(X)                                                                                  \
	X("accounts", "accounts", accounts)                                                        \
	X("accounts_ended", "  of these, ended", accounts_ended)                                   \
	X("accounts_suspended", "  of these, suspended", accounts_suspended)                       \
	X("tokens", "tokens", tokens)                                                              \
	X("flocks", "flocks", flocks)                                                              \
	X("devices", "devices", devices)                                                           \
	X("pending", "devices that wait", joins)                                                   \
	X("xflocks", "established xflocks", xflocks)                                               \
	X("bundles", "bundles", bundles)                                                           \
	X("bundle_bytes", "  bytes of these", bundle_bytes)                                        \
	X("cathedrals", "cathedrals", cathedrals)                                                  \
	X("changes", "last change", changes)                                                       \
	X("leftovers", "files to remove", leftovers)                                               \
	X("file_bytes", "bytes of the database", file_bytes)                                       \
	X("log_bytes", "bytes of its log", log_bytes)

#define TOTALS_FORMAT(json, text, field) "s:I,"
#define TOTALS_PACK(json, text, field)   , json, (json_int_t)t->field
#define TOTALS_PRINT(json, text, field)  printf("%-24s  %" PRIu64 "\n", text, t->field);

static bool
say(const struct store_totals *t, bool json, struct fault *why)
{
	if (json)
		return output_json(
		    json_pack("{" TOTALS(TOTALS_FORMAT) "}" TOTALS(TOTALS_PACK)), why);
	TOTALS(TOTALS_PRINT)
	return true;
}

enum outcome
command_stats(const struct invocation *in, struct fault *why)
{
	struct store_totals t;
	struct office o;
	bool ok;

	ok = office_open(&o, in, why) &&
	     office_result(store_totals(o.session, &t), "database", o.database, why) &&
	     say(&t, invocation_has(in, "json"), why);
	office_close(&o);
	return ok ? DONE : FAILED;
}
