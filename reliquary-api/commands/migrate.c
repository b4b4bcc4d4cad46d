/* SPDX-License-Identifier: ISC */
#include "reliquary-api/commands/command.h"
#include "reliquary-api/commands/office.h"

#include <stdio.h>
#include <sys/stat.h>

static bool
migrate(struct office *o, struct fault *why)
{
	struct schema_version v;

	if (!store_version(&o->options, &v, why))
		return false;
	if (v.have == 0)
		return fault_set(
		    why, "%s: there is no database yet; reliquary-api serve makes it", o->database);
	if (v.have == v.want) {
		printf("%s: of version %u already\n", o->database, v.have);
		return true;
	}
	o->store = store_open(&o->options, &o->random, why);
	if (o->store == NULL)
		return false;
	printf("%s: brought from version %u to %u\n", o->database, v.have, v.want);
	return true;
}

enum outcome
command_migrate(const struct invocation *in, struct fault *why)
{
	struct office o;
	bool ok = office_read(&o, in, why) && office_become_owner(&o, why);

	umask(077);
	ok = ok && office_lock(&o, why) && migrate(&o, why);
	office_close(&o);
	return ok ? DONE : FAILED;
}
