/* SPDX-License-Identifier: ISC */
/* memory: what of a cathedral is in memory, by devices and by tunnels. */
#include "tools/cathedral-load/child.h"
#include "tools/cathedral-load/field.h"
#include "tools/cathedral-load/load_commands.h"

#include <inttypes.h>

struct census {
	const struct load_options *o;
	pid_t pid;
	uint64_t before, devices; /* memory at the step before; devices and tunnels at that step */
	uint64_t tunnels;
	bool first;
};

/* A row; each: of what this step added. */
static bool
count(struct census *c, uint64_t devices, uint64_t tunnels, struct fault *why)
{
	uint64_t bytes, more;
	json_t *row;

	if (!process_memory(c->pid, &bytes, why))
		return false;
	more = devices - c->devices + 2 * (tunnels - c->tunnels);
	row = json_object();
	figure_count(row, "devices", devices);
	figure_count(row, "tunnels", tunnels);
	figure_count(row, "tunnel_ends", 2 * tunnels);
	figure_count(row, "resident_bytes", bytes);
	figure_real(row, "bytes_for_each_more",
	    c->first || more == 0 ? 0 : ((double)bytes - (double)c->before) / (double)more);
	show_row(c->o->json, "memory", row, c->first);
	c->before = bytes;
	c->devices = devices;
	c->tunnels = tunnels;
	c->first = false;
	return true;
}

/* So many tunnels in all; those of the steps before stay known for two minutes. */
static bool
meet(struct census *c, struct field *f, uint64_t tunnels, struct fault *why)
{
	struct muster_wish wish = { 2 * (c->o->first + c->tunnels), 2 * (tunnels - c->tunnels),
		c->o->patience_ns };
	struct muster_result result = { 0 };

	return muster_all(f->muster, &wish, f->random, &result, why) &&
	       count(c, c->devices, tunnels, why);
}

static bool
take_steps(struct census *c, struct field *f, struct fault *why)
{
	bool ok = c->o->program != NULL || count(c, f->roster.flocks * f->roster.devices, 0, why);

	for (size_t n = 0; ok && n < c->o->steps.count; n++)
		ok = meet(c, f, c->o->steps.at[n], why);
	return ok;
}

/* Started twice: first without a fleet, so that it is seen what the fleet's devices take. */
static bool
start(struct census *c, const struct roster *r, struct fault *why)
{
	struct child_wish wish = { c->o->program, c->o->folder, "empty", CHILD_ANY_CPU, false };

	c->pid = child_cathedral(&wish, why);
	if (c->pid == 0 || !count(c, 0, 0, why))
		return false;
	child_finish(c->pid);
	wish.name = "cathedral";
	c->pid = child_cathedral(&wish, why);
	return c->pid != 0 && count(c, r->flocks * r->devices, 0, why);
}

bool
run_memory(const struct load_options *o, struct random *random, struct fault *why)
{
	struct census c = { .o = o, .pid = (pid_t)o->pid, .first = true };
	struct field_wish wish = { o->at, o->at, o->steps.at[o->steps.count - 1], 0 };
	struct load_options all = *o;
	struct field f;
	bool ok;

	for (size_t n = 0; n < o->steps.count; n++) {
		if (o->steps.at[n] <= (n == 0 ? 0 : o->steps.at[n - 1]))
			return fault_set(why, "--steps: each has to be more than the one before");
	}
	all.tunnels = wish.tunnels;
	if (!field_open(&f, &all, &wish, random, why))
		return false;
	ok = (o->program == NULL || start(&c, &f.roster, why)) && take_steps(&c, &f, why);
	if (o->program != NULL)
		child_finish(c.pid);
	field_close(&f);
	return ok;
}
