/* SPDX-License-Identifier: ISC */
/*
 * Programs that a test starts, kills at any moment and starts again; they end with the test.  What
 * fails here fails the running test.
 */
#ifndef TESTS_SUPPORT_PLAYERS_H
#define TESTS_SUPPORT_PLAYERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PLAYER_NAME  24
#define PLAYER_PATH  200
#define PLAYER_WORDS 40

struct player {
	char name[PLAYER_NAME];
	char log[PLAYER_PATH]; /* what it says is added to it */
	const char
	    *words[PLAYER_WORDS + 1]; /* the program, looked for in PATH, and what it is told */
	pid_t pid;                    /* 0: it does not run */
	unsigned starts;
};

void player_start(struct player *p);

/* SIGKILL, and waits for its end.  It must have run until then. */
void player_kill(struct player *p);

/* Asks it to end; false when it does not in ten seconds (then it is killed), or ends badly. */
bool player_end(struct player *p);

/* Fails the test, with the end of its log, when it has ended by itself. */
void player_check(struct player *p);

/* The last lines of its log, as diagnostics. */
void player_show(const struct player *p);

/* Runs a program to its end; what it prints goes to the file.  Returns what waitpid() says. */
int player_run(const char *const *words, const char *output);

void pause_ms(uint32_t ms);

#endif
