/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/sandbox.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/commands/command.h"
#include "reliquary-api/commands/ground.h"
#include "reliquary-api/commands/office.h"
#include "reliquary-api/commands/sandbox.h"
#include "reliquary-api/handlers/feed_pages.h"
#include "reliquary-api/http/listen.h"
#include "reliquary-api/routes.h"
#include "reliquary-api/service/admin.h"
#include "reliquary-api/service/api.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_BESIDE    256 /* open files that are neither: database, certificates, listeners */
#define FILES_OF_UPLOAD 2   /* the file and its folder */
#define POLL_MS         20
#define NOTICE_MS       1000

/* Everything of a running service, opened from top to bottom. */
struct service {
	const struct invocation *in;
	struct office office;
	bool first; /* database and key were just made */
	int listen_fd;
	struct endpoint where;
	struct pow_load *load;
	struct feed_pages *pages;
	struct site site;
	struct api *api;
	struct server *server;
	struct admin *admin;
	sigset_t signals;
};

/* ---- opening ---- */

static unsigned
count_threads(const struct api_conf *c)
{
	cpu_set_t cpus;
	int count;

	if (c->threads != 0)
		return (unsigned)c->threads;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == -1)
		return 1;
	count = CPU_COUNT(&cpus);
	return count < 1 ? 1 : count > API_THREADS_MAX ? API_THREADS_MAX : (unsigned)count;
}

/* Root may give itself more than the limit that it was started with. */
static void
raise_limits(const struct api_conf *c)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	rlim_t files = c->connections + FILES_OF_UPLOAD * c->uploads_max + FILES_BESIDE;
	struct rlimit limit;

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	if (geteuid() == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < files) {
		limit.rlim_max = files;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	listen_allow_files((unsigned)files);
}

/* Whatever needs root. */
static bool
open_outside(struct service *s, struct fault *why)
{
	struct api_conf *c = &s->office.conf;
	int inherited;

	if (!ground_make_folder(&s->office, why) || !notify_inherited_socket(&inherited, why))
		return false;
	raise_limits(c);
	s->listen_fd = listen_open(&c->server.listen, inherited, &s->where, why);
	return s->listen_fd != -1;
}

static bool
open_api(struct service *s, struct fault *why)
{
	const struct api_conf *c = &s->office.conf;
	struct api_options o = {
		.routes = routes,
		.site = &s->site,
		.store = s->office.store,
		.bundles = s->office.bundles,
		.readers = c->server.threads,
		.queue_max = (unsigned)c->queue_max,
		.group_max = (unsigned)c->group_max,
		.uploads_max = (unsigned)c->uploads_max,
		.joins_total = c->joins_total,
		.account_grace_s = c->account_grace_s,
		.event_s = c->event_s,
		.disk_free_min = c->disk_free_min,
		.upkeep_every_s = (unsigned)c->upkeep_s,
		.clock = clock_now,
	};

	memcpy(o.rates, c->rates, sizeof(o.rates));
	s->load = pow_load_create(
	    (unsigned)c->pow_bits, (unsigned)c->pow_bits_most, (unsigned)c->pow_calm);
	s->pages = feed_pages_create();
	if (s->load == NULL || s->pages == NULL)
		return fault_set(why, "out of memory");
	s->site = (struct site){ .settings = &c->settings,
		.vault = s->office.vault,
		.load = s->load,
		.bundles = s->office.bundles,
		.pages = s->pages };
	s->api = api_create(&o, &s->office.random, why);
	return s->api != NULL;
}

/* One that nobody asked for may fail: another service may have the port. */
static bool
open_admin(struct service *s, struct fault *why)
{
	const struct api_conf *c = &s->office.conf;

	if (c->admin.port == 0)
		return true;
	s->admin = admin_create(&c->admin, s->api, s->server, clock_now, why);
	if (s->admin == NULL && c->admin_given)
		return false;
	if (s->admin == NULL)
		log_warn("without /healthz, /readyz and /metrics: %s; \"admin\" says where else",
		    why->text);
	return true;
}

static bool
open_listeners(struct service *s, struct fault *why)
{
	struct server_options o = s->office.conf.server;

	o.clock = clock_now;
	o.listen_fd = s->listen_fd;
	s->server = server_create(&o, &api_calls, s->api, why);
	if (s->server == NULL)
		return false;
	s->listen_fd = -1; /* the server's */
	return open_admin(s, why);
}

/* Threads inherit this: signals wait for the one that asks for them. */
static void
block_signals(struct service *s)
{
	sigemptyset(&s->signals);
	sigaddset(&s->signals, SIGTERM);
	sigaddset(&s->signals, SIGINT);
	sigaddset(&s->signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &s->signals, NULL);
}

/* ---- what it says ---- */

static void
say_where(const struct service *s)
{
	const struct api_conf *c = &s->office.conf;
	const char *scheme = c->server.tls_cert[0] != '\0' ? "https" : "http";
	char at[ENDPOINT_TEXT], admin[ENDPOINT_TEXT];
	struct endpoint e;

	endpoint_format(&s->where, at);
	log_info("listening on %s://%s", scheme, at);
	if (s->admin != NULL) {
		e = admin_where(s->admin);
		log_info("health and metrics on http://%s", endpoint_format(&e, admin));
	}
	if (!api_conf_is_private(c))
		log_warn("%s is plain HTTP: account keys and tokens can be read on their way; set "
			 "tls_cert and tls_key, or trusted_proxy if a proxy serves HTTPS",
		    at);
	if (!s->first)
		return;
	log_info("made a new database and its key file %s: keep a copy of that file, apart from "
		 "backups",
	    s->office.key);
	log_info("next, add a cathedral: reliquary-api --data %s cathedral add NAME ADDRESS:PORT",
	    c->data);
	log_info("then get an account: reliquary-register %s://%s", scheme, at);
}

static void
announce(const struct service *s)
{
	char at[ENDPOINT_TEXT];
	struct fault status;

	say_where(s);
	if (geteuid() == 0)
		log_warn("running as root, though without its powers: better give %s to a user of "
			 "its own, and name it with \"user\"",
		    s->office.conf.data);
	if (!secret_locked())
		log_warn("secrets may be written to swap: RLIMIT_MEMLOCK allows no more memory");
	fault_set(&status, "listening on %s", endpoint_format(&s->where, at));
	log_info("reliquary-api " VERSION " is ready: %u thread%s", s->office.conf.server.threads,
	    s->office.conf.server.threads == 1 ? "" : "s");
	notify_ready(status.text);
}

/* ---- running ---- */

/* What can change while it runs: certificates and the log level. */
static void
reload(struct service *s)
{
	const struct office *o = &s->office;
	struct api_conf fresh;
	struct fault why;

	notify_reloading();
	if (api_conf_read(&fresh, o->conf_path, environ, s->in->given, &why)) {
		log_set_level(fresh.log_level);
		log_info("log level %s", log_level_name(fresh.log_level));
	} else {
		log_error("the configuration stays as it was: %s", why.text);
	}
	if (o->conf.server.tls_cert[0] == '\0')
		log_info("there are no certificates to read again");
	else if (server_reload_tls(s->server, &why))
		log_info("certificates were read again");
	else
		log_error("the certificates stay as they were: %s", why.text);
	notify_ready("reloaded");
}

/* Until it is to end; wakes up for systemd's watchdog. */
static void
wait_for_end(struct service *s)
{
	uint64_t watchdog_ms = notify_watchdog_interval_ms();
	const struct timespec interval = {
		.tv_sec = (time_t)(watchdog_ms / 1000),
		.tv_nsec = (long)(watchdog_ms % 1000 * NS_PER_MS),
	};

	for (;;) {
		int signal = sigtimedwait(&s->signals, NULL, watchdog_ms != 0 ? &interval : NULL);

		if (signal == SIGHUP)
			reload(s);
		else if (signal > 0)
			return;
		if (watchdog_ms != 0)
			notify_watchdog();
	}
}

static uint64_t
connected(const struct service *s)
{
	struct server_counts counts;

	server_counts(s->server, &counts);
	return counts.connections;
}

/* Until nobody is connected any more, at most so long; false when it is asked again to end. */
static bool
wait_for_silence(const struct service *s, uint64_t most_ms)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * NS_PER_MS };
	uint64_t end_ns = clock_now().mono_ns + most_ms * NS_PER_MS;

	while (connected(s) > 0 && clock_now().mono_ns < end_ns) {
		int signal = sigtimedwait(&s->signals, NULL, &pause);

		if (signal == SIGTERM || signal == SIGINT)
			return false;
	}
	return true;
}

/*
 * What has begun may end; who asks twice is not kept waiting for it.  At first the door stays open,
 * so that whoever comes is told to come back later, and a proxy hears of it before connections are
 * refused.
 */
static void
drain(const struct service *s)
{
	uint64_t most_ms = s->office.conf.drain_s * 1000;
	uint64_t notice_ms = most_ms < NOTICE_MS ? most_ms : NOTICE_MS, left;
	bool patient;

	notify_stopping();
	log_info("ending: no new requests are taken");
	api_drain(s->api);
	patient = wait_for_silence(s, notice_ms);
	server_drain(s->server);
	if (patient)
		wait_for_silence(s, most_ms - notice_ms);
	left = connected(s);
	if (left > 0)
		log_warn(
		    "%ju connection%s did not end in time", (uintmax_t)left, left == 1 ? "" : "s");
}

/* In reverse order, and fine for what was not opened. */
static void
service_close(struct service *s)
{
	admin_destroy(s->admin);
	server_destroy(s->server);
	api_destroy(s->api);
	feed_pages_destroy(s->pages);
	pow_load_destroy(s->load);
	if (s->listen_fd != -1)
		close(s->listen_fd);
	office_close(&s->office);
	sandbox_leave();
}

static bool
service_run(struct service *s, struct fault *why)
{
	struct office *o = &s->office;

	if (!office_read(o, s->in, why))
		return false;
	o->conf.server.threads = count_threads(&o->conf);
	block_signals(s);

	/* Whatever needs root comes before ground_become_user(). */
	if (!open_outside(s, why) || !ground_become_user(o, why))
		return false;
	if (!ground_open(o, &s->first, why))
		return false;
	if (o->conf.sandbox && !sandbox_enter(serve_calls, NULL, why))
		return false;
	if (!open_api(s, why) || !open_listeners(s, why))
		return false;

	announce(s);
	wait_for_end(s);
	drain(s);
	return true;
}

enum outcome
command_serve(const struct invocation *in, struct fault *why)
{
	struct service s = { .in = in, .listen_fd = -1, .office.lock = -1 };
	bool ok = service_run(&s, why);

	service_close(&s);
	if (ok)
		log_info("ended");
	return ok ? DONE : FAILED;
}
