/* SPDX-License-Identifier: ISC */
/* What the program can do: one row of api_commands[] and one function each. */
#ifndef RELIQUARY_API_COMMANDS_COMMAND_H
#define RELIQUARY_API_COMMANDS_COMMAND_H

#include "base/fault.h"
#include "reliquary-api/commands/invocation.h"

/* How a command ended: the program's exit status. */
enum outcome { DONE = 0, FAILED, MISUSED };

struct command {
	const char *name;      /* "serve", "account list" */
	const char *arguments; /* "SHARE_ID", for the help */
	const char *own;       /* its own options, between blanks: " json yes " */
	const char *help;
	size_t words_min, words_max;
	/* Anything but DONE comes with the sentence why. */
	enum outcome (*run)(const struct invocation *in, struct fault *why);
};

/* Ended by one without a name. */
extern const struct command api_commands[];

/* The row whose name the words begin with, or NULL; *used: how many words it has. */
const struct command *command_find(const char *const *words, size_t count, size_t *used);

enum outcome command_serve(const struct invocation *in, struct fault *why);
enum outcome command_check(const struct invocation *in, struct fault *why);
enum outcome command_migrate(const struct invocation *in, struct fault *why);
enum outcome command_backup(const struct invocation *in, struct fault *why);
enum outcome command_restore(const struct invocation *in, struct fault *why);
enum outcome command_stats(const struct invocation *in, struct fault *why);

enum outcome account_command_list(const struct invocation *in, struct fault *why);
enum outcome account_command_show(const struct invocation *in, struct fault *why);
enum outcome account_command_suspend(const struct invocation *in, struct fault *why);
enum outcome account_command_resume(const struct invocation *in, struct fault *why);
enum outcome account_command_quota(const struct invocation *in, struct fault *why);
enum outcome account_command_delete(const struct invocation *in, struct fault *why);

enum outcome cathedral_command_add(const struct invocation *in, struct fault *why);
enum outcome cathedral_command_list(const struct invocation *in, struct fault *why);
enum outcome cathedral_command_set(const struct invocation *in, struct fault *why);
enum outcome cathedral_command_drain(const struct invocation *in, struct fault *why);
enum outcome cathedral_command_remove(const struct invocation *in, struct fault *why);
enum outcome cathedral_command_token(const struct invocation *in, struct fault *why);

enum outcome invite_command_create(const struct invocation *in, struct fault *why);
enum outcome invite_command_list(const struct invocation *in, struct fault *why);
enum outcome invite_command_delete(const struct invocation *in, struct fault *why);

#endif
