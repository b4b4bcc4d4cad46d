/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/gauge.h"

#include "tools/control/ask.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_TICK (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK))

static bool
lost(int64_t pid, struct fault *why)
{
	return fault_set(why, "process %" PRId64 ": %s", pid, strerror(errno));
}

/* A kernel without scheduler statistics still counts ticks. */
static bool
cpu_in_ticks(int64_t pid, uint64_t *ret, struct fault *why)
{
	unsigned long user, system;
	char path[64], line[1024];
	const char *behind;
	FILE *file;
	bool got;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return lost(pid, why);
	got = fgets(line, sizeof(line), file) != NULL;
	fclose(file);
	/* The name before it may hold anything. */
	behind = got ? strrchr(line, ')') : NULL;
	if (behind == NULL ||
	    sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		&system) != 2)
		return fault_set(why, "%s: not as expected", path);
	*ret = (user + system) * NS_PER_TICK;
	return true;
}

static bool
thread_cpu_ns(int64_t pid, const char *thread, uint64_t *ret)
{
	unsigned long long ns;
	char path[128];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/task/%.20s/schedstat", pid, thread);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	ok = fscanf(file, "%llu", &ns) == 1;
	fclose(file);
	*ret = ns;
	return ok;
}

bool
process_cpu_ns(int64_t pid, uint64_t *ret, struct fault *why)
{
	const struct dirent *entry;
	uint64_t sum = 0, one;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/task", pid);
	tasks = opendir(path);
	if (tasks == NULL)
		return lost(pid, why);
	while ((entry = readdir(tasks)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (!thread_cpu_ns(pid, entry->d_name, &one)) {
			closedir(tasks);
			return cpu_in_ticks(pid, ret, why);
		}
		sum += one;
	}
	closedir(tasks);
	*ret = sum;
	return true;
}

bool
process_memory(int64_t pid, uint64_t *ret, struct fault *why)
{
	unsigned long pages = 0;
	char path[64];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/statm", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return lost(pid, why);
	ok = fscanf(file, "%*u %lu", &pages) == 1;
	fclose(file);
	*ret = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return ok || fault_set(why, "%s: not as expected", path);
}

bool
process_descriptors(int64_t pid, uint64_t *ret)
{
	const struct dirent *entry;
	uint64_t count = 0;
	char path[64];
	DIR *files;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/fd", pid);
	files = opendir(path);
	if (files == NULL)
		return false;
	while ((entry = readdir(files)) != NULL)
		count += isdigit((unsigned char)entry->d_name[0]) != 0;
	closedir(files);
	*ret = count;
	return count > 0;
}

json_t *
gauge_counters(const char *control, struct fault *why)
{
	json_t *doc, *packets;
	size_t len;
	char *text = control_ask(control, "counters", &len, why);

	if (text == NULL)
		return NULL;
	doc = json_loadb(text, len, 0, NULL);
	free(text);
	packets = json_object_get(json_object_get(doc, "total"), "packets");
	json_incref(packets);
	json_decref(doc);
	if (packets == NULL)
		fault_set(why, "%s: what answers there is no cathedral", control);
	return packets;
}

bool
gauge_begin(struct gauge *g, struct fault *why)
{
	g->cpu_ns = 0;
	g->before = NULL;
	if (g->pid != 0 && !process_cpu_ns(g->pid, &g->cpu_ns, why))
		return false;
	if (g->control == NULL)
		return true;
	g->before = gauge_counters(g->control, why);
	return g->before != NULL;
}

static json_t *
grown(const json_t *before, json_t *after)
{
	json_t *ret = json_object(), *value;
	const char *name;

	json_object_foreach(after, name, value)
	{
		json_int_t more =
		    json_integer_value(value) - json_integer_value(json_object_get(before, name));

		if (more != 0)
			json_object_set_new(ret, name, json_integer(more));
	}
	return ret;
}

bool
gauge_end(struct gauge *g, uint64_t *cpu_ns, json_t **counted, struct fault *why)
{
	uint64_t now_ns = 0;
	json_t *after = NULL;
	bool ok = g->pid == 0 || process_cpu_ns(g->pid, &now_ns, why);

	*cpu_ns = 0;
	*counted = NULL;
	if (ok && g->control != NULL) {
		after = gauge_counters(g->control, why);
		ok = after != NULL;
	}
	if (ok) {
		*cpu_ns = now_ns - g->cpu_ns;
		*counted = after != NULL ? grown(g->before, after) : NULL;
	}
	json_decref(after);
	json_decref(g->before);
	g->before = NULL;
	return ok;
}
