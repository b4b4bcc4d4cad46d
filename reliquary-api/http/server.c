/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/server.h"

#include "base/log.h"
#include "base/random.h"
#include "reliquary-api/http/connections.h"
#include "reliquary-api/http/door.h"
#include "reliquary-api/http/listen.h"
#include "reliquary-api/http/serving.h"
#include "reliquary-api/http/tls.h"

#include <fcntl.h>
#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Descriptors for all that is no connection: the database, uploads, other listeners. */
#define FILES_BESIDE 256

#define HEADER_DEFAULT 6144

/*
 * Memory of a connection: the head, what the library notes about its fields (some 64 bytes each),
 * the answer's head.  With less of it beside the head, one that is only just too long would end its
 * connection without a 431.
 *
 * The library reads a body into half of it at a time, and blanks it all when a request is over, so
 * that much is resident for each connection that waits for its next request (4 KiB for those that
 * never made one).  With 10,000 connections that had made one, all of the service was 106 MiB with
 * 9 KiB each, and 194 MiB with 18.  An upload of 3.7 MB took 2.6 ms of CPU here with 8 KiB, 2.2
 * with 16, 1.6 with 64.
 */
#define POOL_BESIDE 3072
#define POOL_LEAST  8192

#define SETTLE_MS 1000

struct server {
	struct server_options o;
	struct endpoint where;
	struct serving serving;
	struct tls *tls;
	struct connections *connections;
	struct MHD_Daemon *daemon;
	struct door *door;
};

/* A path is what was sent: %2f is no slash, and nobody else's decoding differs from ours. */
static size_t
leave_escaped(void *arg, struct MHD_Connection *from, char *text)
{
	(void)arg;
	(void)from;
	return strlen(text);
}

/* What clients do wrong is said only to who looks for it; what we lack is said to everybody. */
static bool
matters(const char *text)
{
	static const char *const beginnings[] = { "Error allocating", "Call to", "Failed to start",
		"Failed to initialise" };

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		if (strncmp(text, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	}
	return false;
}

__attribute__((format(printf, 2, 0))) static void
log_for_library(void *arg, const char *format, va_list args)
{
	char text[256];

	(void)arg;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	if (matters(text))
		log_warn("http: %s", text);
	else
		log_debug("http: %s", text);
}

/* The library's own certificate is none: every session gets ours before its handshake. */
static int
no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
    gnutls_pcert_st **certs, unsigned *certs_count, gnutls_ocsp_data_st **ocsp,
    unsigned *ocsp_count, gnutls_privkey_t *key, unsigned *flags)
{
	(void)session;
	(void)info;
	(void)certs;
	(void)certs_count;
	(void)ocsp;
	(void)ocsp_count;
	(void)key;
	(void)flags;
	return -1;
}

static int
socket_of(struct MHD_Connection *c)
{
	return MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static bool
secure(struct server *s, struct connection *k, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info;

	if (s->tls == NULL)
		return true;
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	k->tls = tls_hold(s->tls);
	return info != NULL && tls_use(k->tls, info->tls_session);
}

/* To close a socket with something unread in it resets it, and our last words with it. */
static void
linger(struct server *s, const struct connection *k)
{
	int unread = 0, fd;

	if (atomic_load_explicit(&k->late, memory_order_relaxed))
		return;
	if (!k->unread && (ioctl(k->fd, FIONREAD, &unread) == -1 || unread == 0))
		return;
	fd = fcntl(k->fd, F_DUPFD_CLOEXEC, 0);
	if (fd != -1)
		door_linger(s->door, fd);
}

static void
connection_changed(
    void *arg, struct MHD_Connection *c, void **context, enum MHD_ConnectionNotificationCode what)
{
	struct server *s = arg;
	struct connection *k = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = k = connections_begin(s->connections, socket_of(c));
		if (k == NULL || !secure(s, k, c))
			shutdown(socket_of(c), SHUT_RDWR);
		return;
	}
	if (k == NULL)
		return;
	*context = NULL;
	tls_release(k->tls);
	linger(s, k);
	connections_end(s->connections, k);
}

static bool
serve_socket(void *arg, int fd, const struct sockaddr *from, socklen_t len)
{
	struct server *s = arg;

	return MHD_add_connection(s->daemon, fd, from, len) == MHD_YES;
}

static size_t
pool_size(const struct server_options *o)
{
	size_t size = o->header_max + POOL_BESIDE;

	return size < POOL_LEAST ? POOL_LEAST : size;
}

static struct MHD_Daemon *
start_library(struct server *s)
{
	/* No connection of ours may be refused because another thread has more room. */
	intptr_t most = (intptr_t)s->o.connections_max + FILES_BESIDE;
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_for_library, NULL },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)serving_over, &s->serving },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_changed, s },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)serving_line, &s->serving },
		{ MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_escaped, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL }, /* the door's business */
		{ MHD_OPTION_CONNECTION_LIMIT, most * (intptr_t)s->o.threads, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)pool_size(&s->o), NULL },
		{ MHD_OPTION_END, 0, NULL }, /* places for what not every server has */
		{ MHD_OPTION_END, 0, NULL },
		{ MHD_OPTION_END, 0, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};
	size_t n = sizeof(options) / sizeof(options[0]) - 4;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
			 MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	if (s->o.threads > 1)
		options[n++] = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE,
			(intptr_t)s->o.threads, NULL };
	if (s->tls != NULL) {
		flags |= MHD_USE_TLS;
		options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0,
			(void *)(uintptr_t)TLS_PRIORITIES };
		options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_CERT_CALLBACK2, 0,
			(void *)(uintptr_t)no_certificate };
	}
	return MHD_start_daemon(flags, 0, NULL, NULL, serving_step, &s->serving, MHD_OPTION_ARRAY,
	    options, MHD_OPTION_END);
}

/* Its threads, like ours, get no signals. */
static bool
start_threads(struct server *s, struct fault *why)
{
	sigset_t all, before;

	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return fault_set(why, "listen: signals cannot be blocked");
	s->daemon = start_library(s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (s->daemon == NULL)
		return fault_set(why, "listen: the HTTP library did not start");
	return true;
}

static void
allow_files(struct server_options *o)
{
	unsigned allowed = listen_allow_files(o->connections_max + FILES_BESIDE);
	unsigned most = allowed > 2 * FILES_BESIDE ? allowed - FILES_BESIDE : allowed / 2;

	if (o->connections_max <= most)
		return;
	log_warn("only %u connections at a time: the limit of open files (ulimit -Hn) is %u", most,
	    allowed);
	o->connections_max = most;
}

static bool
make_parts(struct server *s, struct fault *why)
{
	struct connections_options limits;
	struct random random;

	if (s->o.tls_cert[0] != '\0') {
		s->tls = tls_create(s->o.tls_cert, s->o.tls_key, s->o.clock().wall_s, why);
		if (s->tls == NULL)
			return false;
	}
	allow_files(&s->o);
	limits = (struct connections_options){ s->o.connections_max, s->o.connections_per_source };
	random_from_system(&random);
	s->connections = connections_create(&limits, &random);
	if (s->connections == NULL)
		return fault_set(why, "listen: out of memory");
	return start_threads(s, why);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The last step of a start: somebody may come in at once. */
static bool
open_door(struct server *s, int fd, struct fault *why)
{
	const struct door_options o = { .fd = fd,
		.connections = s->connections,
		.proxies = &s->serving.proxies,
		.threads = s->o.threads,
		.idle_ns = s->serving.idle_ns,
		.least_ns = least(s->serving.idle_ns, s->serving.body_ns),
		.clock = s->o.clock,
		.serve = serve_socket,
		.arg = s };

	s->door = door_open(&o, why);
	return s->door != NULL;
}

static void
set_up(
    struct server *s, const struct server_options *o, const struct server_calls *calls, void *arg)
{
	s->o = *o;
	if (s->o.header_max == 0)
		s->o.header_max = HEADER_DEFAULT;
	if (s->o.threads == 0)
		s->o.threads = 1;
	s->serving.calls = calls;
	s->serving.arg = arg;
	s->serving.clock = o->clock;
	s->serving.idle_ns = o->idle_s * NS_PER_S;
	s->serving.body_ns = o->body_s * NS_PER_S;
	s->serving.body_rate = o->body_rate;
	s->serving.header_max = s->o.header_max;
	s->serving.proxies = (struct proxies){ s->o.proxies, s->o.proxy_count };
}

struct server *
server_create(
    const struct server_options *o, const struct server_calls *calls, void *arg, struct fault *why)
{
	struct server *s = calloc(1, sizeof(*s));
	int fd = -1;

	if (s == NULL) {
		fault_set(why, "listen: out of memory");
		return NULL;
	}
	set_up(s, o, calls, arg);
	fd = listen_open(&o->listen, o->listen_fd, &s->where, why);
	if (fd != -1 && make_parts(s, why) && open_door(s, fd, why))
		return s;
	if (fd != -1 && fd != o->listen_fd)
		close(fd);
	server_destroy(s);
	return NULL;
}

struct endpoint
server_where(const struct server *s)
{
	return s->where;
}

bool
server_reload_tls(struct server *s, struct fault *why)
{
	return s->tls == NULL || tls_reload(s->tls, s->o.clock().wall_s, why);
}

void
server_drain(struct server *s)
{
	atomic_store(&s->serving.draining, true);
	door_drain(s->door);
}

/*
 * A library that is stopped closes what it has not begun yet without a lock and without a word.  So
 * it gets a moment to begin; one that it lost for want of memory never does.
 */
static void
stop_library(struct server *s)
{
	static const struct timespec step = { .tv_nsec = NS_PER_MS };

	if (s->daemon == NULL)
		return;
	for (int n = 0; n < SETTLE_MS && !connections_settled(s->connections); n++)
		nanosleep(&step, NULL);
	MHD_stop_daemon(s->daemon);
}

void
server_destroy(struct server *s)
{
	if (s == NULL)
		return;
	if (s->door != NULL)
		door_stop(s->door);
	serving_end(&s->serving);
	stop_library(s);
	if (s->door != NULL)
		door_destroy(s->door);
	connections_destroy(s->connections);
	tls_destroy(s->tls);
	free(s);
}

void
server_counts(const struct server *s, struct server_counts *ret)
{
	struct door_counts door;

	door_counts(s->door, &door);
	*ret = (struct server_counts){ .connections = connections_count(s->connections),
		.accepted = door.accepted,
		.refused_full = door.refused_full,
		.refused_source = door.refused_source,
		.timed_out_idle = door.late_head,
		.timed_out_body = door.late_body,
		.aborted = atomic_load_explicit(&s->serving.aborted, memory_order_relaxed),
		.malformed = atomic_load_explicit(&s->serving.malformed, memory_order_relaxed) };
}
