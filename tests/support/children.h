/* SPDX-License-Identifier: ISC */
/*
 * Programs and functions that benches measure from outside: each in a process of its own, with its
 * CPU time and memory.  Whatever fails ends the bench, with the children.
 */
#ifndef TESTS_SUPPORT_CHILDREN_H
#define TESTS_SUPPORT_CHILDREN_H

#include "base/endpoint.h"

#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	struct endpoint at;
};

/* Says what failed, and why (errno), ends all children, and exits. */
void bench_give_up(const char *what) __attribute__((noreturn));

/* A port on loopback that nobody listens on. */
struct endpoint child_free_port(void);

enum child_place { CHILD_ANYWHERE = 0, CHILD_APART }; /* APART: on the last CPU, alone */

/* A program, which will listen there; stderr goes to the file.  Returns when it listens. */
struct child child_program(
    char *const *argv, const char *log, struct endpoint at, enum child_place place);

/* Returns when the child listens at another place, too. */
void child_wait_for(const struct child *c, const struct endpoint *at, const char *what);

/* A function, which listens there and never returns. */
struct child child_function(
    void (*run)(const struct endpoint *at), struct endpoint at, enum child_place place);

/* Asks it to end, and waits until it did. */
void child_end(struct child *c);

uint64_t child_cpu_ns(const struct child *c);

/* "VmRSS" or "VmHWM", in KiB. */
uint64_t child_memory_kib(const struct child *c, const char *what);

/* The calling thread keeps to the first CPU, when there is more than one. */
void bench_stay_apart(void);
void bench_go_anywhere(void);

#endif
