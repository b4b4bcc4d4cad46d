/* SPDX-License-Identifier: ISC */
/* make: a fleet; echo: the reference loop. */
#include "base/hex.h"
#include "protocol/crypto/secret.h"
#include "tools/cathedral-load/echo.h"
#include "tools/cathedral-load/enlist.h"
#include "tools/cathedral-load/load_commands.h"
#include "tools/cathedral-load/show.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static bool
make_seed(struct roster *r, const char *text, struct random *random, struct fault *why)
{
	if (text == NULL)
		random_bytes(random, r->seed.bytes, sizeof(r->seed.bytes));
	return text == NULL || hex_decode(r->seed.bytes, sizeof(r->seed.bytes), text) ||
	       fault_set(why, "--seed: expected 64 hex digits");
}

bool
run_make(const struct load_options *o, struct random *random, struct fault *why)
{
	struct roster r = { .flocks = o->flocks, .devices = o->devices, .mbit = o->mbit };
	struct enlist_where where = {
		.shroud_at = o->shroud_at,
		.clear_at = o->clear_at,
		.far_at = o->far_at,
		.workers = o->workers,
		.user = o->user,
	};
	json_t *figures;
	bool ok =
	    make_seed(&r, o->seed, random, why) && enlist_all(o->folder, &r, &where, random, why);

	secret_wipe(&r.seed, sizeof(r.seed));
	if (!ok)
		return false;
	figures = json_object();
	figure_count(figures, "flocks", r.flocks);
	figure_count(figures, "devices", r.flocks * r.devices);
	figure_count(figures, "tunnels", roster_tunnels(&r));
	show_figures(o->json, "make", figures);
	return true;
}

bool
run_echo(const struct load_options *o, struct random *random, struct fault *why)
{
	struct echo_wish wish = { .at = o->at, .from = o->at, .merge = o->merge };
	bool ok;
	int fd;

	(void)random;
	wish.from.port = 0;
	if (o->from != NULL && !endpoint_parse_ip(&wish.from, o->from))
		return fault_set(
		    why, "--from %s: expected an address: 192.0.2.1, 2001:db8::1", o->from);
	fd = echo_open(&wish, why);
	if (fd == -1)
		return false;
	ok = echo_serve(fd, &wish, why);
	close(fd);
	return ok;
}
