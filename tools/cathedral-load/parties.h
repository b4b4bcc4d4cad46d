/* SPDX-License-Identifier: ISC */
/* One thread that does several things at a time, each in turns. */
#ifndef TOOLS_CATHEDRAL_LOAD_PARTIES_H
#define TOOLS_CATHEDRAL_LOAD_PARTIES_H

#include "base/fault.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTIES_MAX 32

/* Its turn comes when fd can be read (-1: never), or when it is due again: the last turn says. */
struct party {
	uint64_t (*turn)(void *arg, uint64_t now_ns);
	void *arg;
	int fd;
	uint64_t due_ns;
};

struct parties {
	struct party list[PARTIES_MAX];
	size_t count;
	int epoll;
	pthread_t thread;
	bool runs;
	atomic_bool ended;
	pthread_mutex_t lock; /* held while anybody has a turn: whoever has it may look at them */
};

bool parties_open(struct parties *p, struct fault *why);

/* At any time; p and what it points at stay until _stop(). */
bool parties_add(struct parties *p, const struct party *one, struct fault *why);

bool parties_start(struct parties *p, struct fault *why);

/* Waits for the thread's end; fine when it was never started. */
void parties_stop(struct parties *p);
void parties_close(struct parties *p);

#endif
