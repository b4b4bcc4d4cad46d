/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/privileges.h"
#include "base/random.h"
#include "base/sandbox.h"
#include "base/startup.h"
#include "cathedral/conf.h"
#include "cathedral/io/loop.h"
#include "cathedral/io/reload.h"
#include "cathedral/io/scanner.h"
#include "cathedral/io/sockets.h"
#include "cathedral/io/worker.h"
#include "cathedral/pidfile.h"
#include "cathedral/relay/site.h"
#include "cathedral/sandbox.h"
#include "protocol/crypto/aead.h"
#include "protocol/crypto/secret.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONF_DEFAULT "/etc/cathedral/cathedral.conf"
#define START_S      30 /* that a single flock may take to be read, with a disk that is busy */

struct cathedral {
	struct conf conf;
	struct random random;
	struct registry_source source;
	struct follow *follow;                  /* registry.db, if it is that */
	struct endpoint own[2 * LISTENERS_MAX]; /* as bound, and as others see it */
	struct pidfile pidfile;
	struct sockets sockets;
	struct loop *loop;
	struct site *site;
	unsigned worker_count;
	struct stats *stats; /* the workers', the scanner's, the main thread's */
	struct worker *workers[CONF_WORKERS_MAX];
	struct scanner *scanner;
	uint64_t extended_ns; /* when more time to start was asked for last */
};

static const struct startup_program program = {
	.name = "cathedral", .version = VERSION, .conf = CONF_DEFAULT, .table = conf_options
};

static void
own_addresses(struct cathedral *c)
{
	const struct site_options *o = &c->conf.site;

	for (size_t n = 0; n < o->listener_count; n++) {
		c->own[2 * n] = o->listeners[n].main;
		c->own[2 * n + 1] = o->listeners[n].advertised;
	}
	c->source.own = c->own;
	c->source.own_count = 2 * o->listener_count;
}

/* A registry takes as long to read as it is large; whoever started us is told that it goes on. */
static void
still_starting(void *arg)
{
	struct cathedral *c = arg;
	uint64_t now_ns = clock_now().mono_ns;

	if (now_ns - c->extended_ns < NS_PER_S)
		return;
	c->extended_ns = now_ns;
	notify_starting(START_S);
}

static bool
conf_open(struct cathedral *c, const char *path, struct fault *why)
{
	if (!conf_read(&c->conf, path, why))
		return false;
	log_set_level(c->conf.log_level);
	random_from_system(&c->random);
	c->source = (struct registry_source){
		.settings = c->conf.settings,
		.secretdir = c->conf.secretdir,
		.hash = hash_key_new(&c->random),
		.alive = still_starting,
		.alive_arg = c,
	};
	c->extended_ns = clock_now().mono_ns;
	own_addresses(c);
	if (c->conf.federation_secret[0] != '\0')
		c->source.federation = c->conf.federation_secret;
	if (c->conf.registry[0] == '\0')
		return true;
	c->follow = follow_create(c->conf.registry, c->conf.registry_key);
	return c->follow != NULL || fault_set(why, "out of memory");
}

/* NULL with the reason; from registry.db everything that it says. */
static struct registry *
read_registry(const struct cathedral *c, struct fault *why)
{
	struct registry_touched touched = { .all = true };
	struct registry *empty, *r;

	if (c->follow == NULL)
		return registry_load(&c->source, NULL, why);
	empty = registry_empty(c->source.hash);
	if (empty == NULL) {
		fault_set(why, "out of memory");
		return NULL;
	}
	r = follow_load(c->follow, &c->source, empty, &touched, why);
	registry_free(empty);
	return r;
}

static bool
crypto_open(struct fault *why)
{
	return aead_init() || fault_set(why, "neither libsodium nor libcrypto has AES-256-GCM");
}

/*
 * -n: everything that the configuration names is read, and nothing is opened or bound.  What root
 * can read says nothing about the user that it will be, so that user reads it.
 */
static bool
check(const struct cathedral *c, const char *path, struct fault *why)
{
	struct registry_counts counts;
	struct registry *r;
	char text[RELOAD_TEXT];

	if (geteuid() == 0 && c->conf.user[0] != '\0' && !privileges_drop(c->conf.user, why))
		return false;
	if (c->follow != NULL && !follow_is_there(c->follow)) {
		printf("%s: fine: but %s is not there yet\n", path, c->conf.registry);
		return true;
	}
	r = read_registry(c, why);
	if (r == NULL)
		return false;
	counts = registry_counts(r);
	registry_free(r);
	printf("%s: fine: %zu listener%s, %s\n", path, c->conf.site.listener_count,
	    c->conf.site.listener_count == 1 ? "" : "s", reload_summary(&counts, NULL, text));
	return true;
}

static unsigned
count_workers(const struct conf *conf)
{
	cpu_set_t cpus;
	int count;

	if (conf->workers != 0)
		return (unsigned)conf->workers;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == -1)
		return 1;
	count = CPU_COUNT(&cpus);
	return count < 1 ? 1 : count > CONF_WORKERS_MAX ? CONF_WORKERS_MAX : (unsigned)count;
}

/* Everything that may need root. */
static bool
open_outside(struct cathedral *c, struct fault *why)
{
	const struct conf *conf = &c->conf;
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	const struct loop_options loop = {
		.instance = conf->instance,
		.version = VERSION,
		.control = conf->control,
		.control_user = conf->control_user,
		.owner = conf->user,
		.metrics = conf->metrics,
	};
	struct sockets_options sockets = {
		.buffer = (int)conf->socket_buffer,
		.merge = conf->merge,
	};

	/* Secrets are in locked memory; who is refused this has to do with what he has. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	c->worker_count = sockets.workers = count_workers(conf);
	if (!sockets_open(
		&c->sockets, conf->site.listeners, conf->site.listener_count, &sockets, why))
		return false;
	c->loop = loop_create(&loop, why);
	return c->loop != NULL && pidfile_open(&c->pidfile, conf->pidfile, why);
}

/*
 * As the user that will have to read the files again whenever they change.  Without files that are
 * right it does not start; but registry.db is others' to fill, and may come later.
 */
static struct registry *
first_registry(struct cathedral *c, struct fault *why)
{
	struct registry *first = read_registry(c, why);

	if (first != NULL || c->follow == NULL)
		return first;
	log_warn("nobody is served until there is a registry: %s", why->text);
	first = registry_empty(c->source.hash);
	if (first == NULL)
		fault_set(why, "out of memory");
	return first;
}

static bool
open_site(struct cathedral *c, struct fault *why)
{
	struct registry *first = first_registry(c, why);
	size_t stats = (c->worker_count + 2) * sizeof(*c->stats);

	if (first == NULL)
		return false;
	c->site = site_create(&c->conf.site, first, c->worker_count + 2, &c->random);
	c->stats = aligned_alloc(_Alignof(struct stats), stats);
	if (c->site == NULL || c->stats == NULL)
		return fault_set(why, "out of memory");
	memset(c->stats, 0, stats);
	return true;
}

static bool
start_threads(struct cathedral *c, struct fault *why)
{
	const struct scanner_options scanner = {
		.slot = c->worker_count,
		.percent = (unsigned)c->conf.lookup_percent,
	};

	for (unsigned n = 0; n < c->worker_count; n++) {
		const struct worker_options worker = { n, c->conf.spin * 1000 };

		c->workers[n] =
		    worker_start(c->site, &c->sockets, &worker, &c->stats[n], &c->random, why);
		if (c->workers[n] == NULL)
			return false;
	}
	c->scanner = scanner_start(
	    c->site, &c->sockets, &scanner, &c->stats[c->worker_count], &c->random, why);
	return c->scanner != NULL;
}

static bool
attach_loop(struct cathedral *c, struct fault *why)
{
	const struct loop_world world = {
		.source = &c->source,
		.follow = c->follow,
		.site = c->site,
		.sockets = &c->sockets,
		.workers = c->workers,
		.worker_count = c->worker_count,
		.stats = c->stats,
		.seed = &c->random,
	};

	c->source.alive = loop_alive;
	c->source.alive_arg = c->loop;
	return loop_attach(c->loop, &world, why);
}

static void
announce(const struct cathedral *c)
{
	const struct site_options *site = &c->site->options;
	struct registry_counts counts = registry_counts(publish_current(c->site->publish));
	char text[RELOAD_TEXT], at[ENDPOINT_TEXT], nat[24];

	for (size_t i = 0; i < site->listener_count; i++) {
		const struct listener *l = &site->listeners[i];

		endpoint_format(&l->main, at);
		if (l->nat_port == 0)
			snprintf(nat, sizeof(nat), "no NAT port");
		else
			snprintf(nat, sizeof(nat), "NAT port %u", l->nat_port);
		log_info("listening on %s, %s, %s", at, l->shrouded ? "shrouded" : "clear", nat);
	}
	if (c->sockets.buffer < (int)c->conf.socket_buffer)
		log_warn("socket buffers of %d bytes only, net.core.rmem_max and wmem_max allow no "
			 "more",
		    c->sockets.buffer);
	if (!secret_locked())
		log_warn("secrets may be written to swap: RLIMIT_MEMLOCK allows no more memory");
	if (counts.unfederated > 0)
		log_warn("the fleet has other cathedrals, but there is no federation secret");
	if (counts.peers > 0 && !endpoint_is_ipv4(&site->listeners[0].main))
		log_warn("the first listener is IPv6, but other cathedrals are told apart by IPv4");
	log_info("cathedral " VERSION " is ready: %u worker%s, %s", c->worker_count,
	    c->worker_count == 1 ? "" : "s", reload_summary(&counts, NULL, text));
	notify_ready(text);
}

/* In reverse order, and fine for what was not opened. */
static void
cathedral_close(struct cathedral *c)
{
	scanner_stop(c->scanner);
	for (unsigned n = 0; n < c->worker_count; n++)
		worker_stop(c->workers[n]);
	loop_destroy(c->loop);
	site_destroy(c->site);
	follow_destroy(c->follow);
	free(c->stats);
	sockets_close(&c->sockets);
	pidfile_close(&c->pidfile);
	secret_wipe(&c->random, sizeof(c->random));
	secret_wipe(&c->source.hash, sizeof(c->source.hash));
	sandbox_leave();
}

/* Root is given up for good, and only the configuration can say for whom. */
static bool
has_user(const struct conf *conf, const char *path, struct fault *why)
{
	if (geteuid() != 0 || conf->user[0] != '\0')
		return true;
	return fault_set(why,
	    "%s: started as root without a user to become: write \"user NAME\" there, and let "
	    "that user read the files it names",
	    path);
}

static bool
cathedral_run(struct cathedral *c, const struct startup *options, struct fault *why)
{
	if (!conf_open(c, options->conf, why) || !crypto_open(why))
		return false;
	if (options->check)
		return check(c, options->conf, why);

	/* Whatever needs root comes before privileges_drop(). */
	if (!has_user(&c->conf, options->conf, why) || !open_outside(c, why) ||
	    !privileges_drop(c->conf.user, why))
		return false;
	if (!open_site(c, why))
		return false;
	if (c->conf.sandbox &&
	    !sandbox_enter(cathedral_calls, c->follow != NULL ? registry_reader_calls : NULL, why))
		return false;
	if (!start_threads(c, why) || !attach_loop(c, why))
		return false;

	announce(c);
	loop_run(c->loop); /* until SIGTERM */
	notify_stopping();
	return true;
}

int
main(int argc, char **argv)
{
	static struct cathedral c = { .pidfile = PIDFILE_NONE };
	struct startup options = startup_read(argc, argv, &program);
	struct fault why;
	bool ok;

	if (options.done)
		return options.status;
	signal(SIGPIPE, SIG_IGN); /* clients that go away are not our end */
	ok = cathedral_run(&c, &options, &why);
	if (!ok)
		log_error("%s", why.text);
	cathedral_close(&c);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
