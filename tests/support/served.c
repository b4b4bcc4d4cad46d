/* SPDX-License-Identifier: ISC */
#include "tests/support/served.h"

#include "tests/support/load.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROGRAM "build/bin/reliquary-api"
#define FIXED   200

const char *bare_folder;

static char *
program(void)
{
	static char path[256];
	const char *bin = getenv("BIN");

	snprintf(path, sizeof(path), "%s", PROGRAM);
	if (bin != NULL)
		snprintf(path, sizeof(path), "%s/reliquary-api", bin);
	return path;
}

struct served
served_start(const struct served_options *o)
{
	struct served s = { .admin = child_free_port() };
	struct endpoint at = child_free_port();
	char listen[ENDPOINT_TEXT], admin[ENDPOINT_TEXT], threads[16], data[256], log[280];
	char idle[16], body[16];
	const char *const argv[] = { program(), "--data", data, "--listen", listen, "--admin",
		admin, "--threads", threads, "--idle_timeout", idle, "--body_timeout", body,
		"--upkeep_interval", "1h", "--rate_request", "off", "--rate_join", "off",
		"--connections", "12000", "--connections_per_source", "0", "serve", NULL };

	endpoint_format(&at, listen);
	endpoint_format(&s.admin, admin);
	snprintf(threads, sizeof(threads), "%u", o->threads);
	snprintf(data, sizeof(data), "%s", o->folder);
	snprintf(log, sizeof(log), "%s/log", o->folder);
	snprintf(idle, sizeof(idle), "%s", o->idle_timeout != NULL ? o->idle_timeout : "30s");
	snprintf(body, sizeof(body), "%s", o->body_timeout != NULL ? o->body_timeout : "15s");
	s.child = child_program((char *const *)(uintptr_t)argv, log, at, o->place);
	child_wait_for(&s.child, &s.admin, argv[0]);
	return s;
}

void
served_end(struct served *s)
{
	child_end(&s->child);
}

double
served_metric(const struct served *s, const char *name)
{
	static const char ask[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	static char page[65536];
	size_t len = 0, name_len = strlen(name);
	int fd = load_connect(&s->admin);
	ssize_t n;

	if (fd == -1 || send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) != sizeof(ask) - 1)
		bench_give_up("/metrics");
	while ((n = recv(fd, page + len, sizeof(page) - 1 - len, 0)) > 0)
		len += (size_t)n;
	close(fd);
	page[len] = '\0';
	for (const char *at = page; (at = strstr(at, name)) != NULL; at += name_len) {
		if (at > page && at[-1] == '\n' && at[name_len] == ' ')
			return strtod(at + name_len, NULL);
	}
	fprintf(stderr, "/metrics has no %s\n", name);
	exit(EXIT_FAILURE);
}

/* ---- the HTTP library alone ---- */

struct received {
	int file;
	char path[300];
};

static struct MHD_Response *fixed;

static enum MHD_Result
answer_fixed(void *arg, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *len, void **context)
{
	(void)arg;
	(void)url;
	(void)method;
	(void)version;
	(void)data;
	if (*context == NULL) {
		*context = &fixed;
		return MHD_YES;
	}
	*len = 0;
	return MHD_queue_response(c, MHD_HTTP_OK, fixed);
}

static void *
received_begin(void)
{
	static unsigned count;
	struct received *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	snprintf(r->path, sizeof(r->path), "%s/received-%u", bare_folder, count++);
	r->file = open(r->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return r;
}

static enum MHD_Result
receive_piece(void *arg, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *len, void **context)
{
	struct received *r = *context;
	size_t given = *len;

	(void)arg;
	(void)url;
	(void)method;
	(void)version;
	if (r == NULL) {
		*context = received_begin();
		return *context != NULL ? MHD_YES : MHD_NO;
	}
	*len = 0;
	if (given > 0)
		return write(r->file, data, given) == (ssize_t)given ? MHD_YES : MHD_NO;
	if (fsync(r->file) == -1)
		return MHD_NO;
	return MHD_queue_response(c, MHD_HTTP_OK, fixed);
}

static void
received_end(
    void *arg, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode how)
{
	struct received *r = *context;

	(void)arg;
	(void)c;
	(void)how;
	if (r == NULL || *context == (void *)&fixed)
		return;
	close(r->file);
	unlink(r->path);
	free(r);
	*context = NULL;
}

static void
bare_run(const struct endpoint *at, MHD_AccessHandlerCallback answer)
{
	static char text[FIXED];
	struct sockaddr_storage where;

	endpoint_to_sockaddr(at, &where);
	memset(text, 'x', sizeof(text));
	fixed = MHD_create_response_from_buffer(sizeof(text), text, MHD_RESPMEM_PERSISTENT);
	if (fixed == NULL ||
	    MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC |
				 MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
		at->port, NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR, &where,
		MHD_OPTION_NOTIFY_COMPLETED, received_end, NULL, MHD_OPTION_CONNECTION_LIMIT,
		12000u, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVED_POOL,
		MHD_OPTION_END) == NULL)
		bench_give_up("the HTTP library alone");
	for (;;)
		pause();
}

void
bare_answer(const struct endpoint *at)
{
	bare_run(at, answer_fixed);
}

void
bare_receive(const struct endpoint *at)
{
	bare_run(at, receive_piece);
}
