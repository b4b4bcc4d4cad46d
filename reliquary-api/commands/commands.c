/* SPDX-License-Identifier: ISC */
#include "reliquary-api/commands/command.h"

#include <string.h>

/* clang-format off */
const struct command api_commands[] = {
	{ "serve", "", " ", "run the service", 0, 0, command_serve },
	{ "check", "", " ", "say whether configuration, database and bundles are right", 0, 0,
	    command_check },
	{ "migrate", "", " ", "bring the database to this program's version", 0, 0,
	    command_migrate },
	{ "backup", "FILE", " with-key ", "copy the database to FILE, its bundles to FILE.bundles",
	    1, 1, command_backup },
	{ "restore", "FILE", " ", "put a backup in the place of the database", 1, 1,
	    command_restore },
	{ "stats", "", " json ", "count what is in the database", 0, 0, command_stats },

	{ "account list", "", " json ", "all accounts", 0, 0, account_command_list },
	{ "account show", "SHARE_ID", " json ", "one account and its flocks", 1, 1,
	    account_command_show },
	{ "account suspend", "SHARE_ID", " json ", "serve it no longer, but keep all it has", 1, 1,
	    account_command_suspend },
	{ "account resume", "SHARE_ID", " json ", "serve it again", 1, 1, account_command_resume },
	{ "account set-quota", "SHARE_ID", " flocks mbit json ",
	    "how many flocks it may have, and how fast its devices may be", 1, 1,
	    account_command_quota },
	{ "account delete", "SHARE_ID", " yes json ", "delete it with all it has", 1, 1,
	    account_command_delete },

	{ "cathedral add", "NAME ADDRESS:PORT", " nat-port region clear json ",
	    "add a cathedral, and print its token", 2, 2, cathedral_command_add },
	{ "cathedral list", "", " json ", "all cathedrals", 0, 0, cathedral_command_list },
	{ "cathedral set", "NAME", " address nat-port region clear shroud json ", "change one", 1, 1,
	    cathedral_command_set },
	{ "cathedral drain", "NAME", " off json ", "hand it out to nobody new", 1, 1,
	    cathedral_command_drain },
	{ "cathedral remove", "NAME", " yes json ", "forget one; its token dies", 1, 1,
	    cathedral_command_remove },
	{ "cathedral token", "NAME", " json ", "print a new token; the old one dies", 1, 1,
	    cathedral_command_token },

	{ "invite create", "", " uses expires-in label json ", "print a new invitation", 0, 0,
	    invite_command_create },
	{ "invite list", "", " json ", "all invitations", 0, 0, invite_command_list },
	{ "invite delete", "ID", " json ", "take one back", 1, 1, invite_command_delete },
	{ 0 },
};
/* clang-format on */

/* How many of the words are the name's; 0 when they are not. */
static size_t
match(const char *name, const char *const *words, size_t count)
{
	size_t used = 0;

	while (used < count) {
		size_t len = strlen(words[used]);

		if (strncmp(name, words[used], len) != 0)
			return 0;
		used++;
		if (name[len] == '\0')
			return used;
		if (name[len] != ' ')
			return 0;
		name += len + 1;
	}
	return 0;
}

const struct command *
command_find(const char *const *words, size_t count, size_t *used)
{
	for (const struct command *c = api_commands; c->name != NULL; c++) {
		*used = match(c->name, words, count);
		if (*used > 0)
			return c;
	}
	return NULL;
}
