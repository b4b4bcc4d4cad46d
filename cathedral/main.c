/* SPDX-License-Identifier: ISC */
#include "base/background.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/privileges.h"
#include "base/random.h"
#include "base/sandbox.h"
#include "base/startup.h"
#include "cathedral/announce.h"
#include "cathedral/conf.h"
#include "cathedral/io/crew.h"
#include "cathedral/io/loop.h"
#include "cathedral/io/reload.h"
#include "cathedral/io/sockets.h"
#include "cathedral/io/succession.h"
#include "cathedral/io/taker.h"
#include "cathedral/pidfile.h"
#include "cathedral/relay/site.h"
#include "cathedral/sandbox.h"
#include "protocol/crypto/aead.h"
#include "protocol/crypto/secret.h"

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
	struct background background;
	struct random random;
	struct registry_source source;
	struct follow *follow;                  /* registry.db, if it is that */
	struct endpoint own[2 * LISTENERS_MAX]; /* as bound, and as others see it */
	struct pidfile pidfile;
	struct keepsake pidfile_kept; /* the same, for who takes over */
	struct taker *taker;          /* the cathedral before, while it still serves; or NULL */
	struct succession *succession;
	struct sockets sockets;
	struct loop *loop;
	struct site *site;
	unsigned worker_count;
	struct stats *stats; /* the workers', the scanner's, the main thread's */
	struct crew *crew;
	uint64_t extended_ns; /* when more time to start was asked for last */
};

static const struct startup_program program = {
	.name = "cathedral",
	.version = VERSION,
	.conf = CONF_DEFAULT,
	.table = conf_options,
	.replaces = true,
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

/* Bound anew, or those of the cathedral that runs. */
static bool
open_sockets(struct cathedral *c, struct fault *why)
{
	const struct conf *conf = &c->conf;
	const struct sockets_options options = {
		.workers = crew_size((unsigned)conf->workers, CONF_WORKERS_MAX),
		.buffer = (int)conf->socket_buffer,
		.merge = conf->merge,
		.busy_poll = (int)conf->busy_poll,
	};
	const struct listener *listeners = conf->site.listeners;
	size_t count = conf->site.listener_count;
	unsigned workers = options.workers;
	bool ok;

	if (c->taker == NULL)
		ok = sockets_open(&c->sockets, listeners, count, &options, why);
	else
		ok = sockets_take(
		    &c->sockets, listeners, count, taker_sockets(c->taker), &options, why);
	if (!ok)
		return false;
	if (c->sockets.rows < workers)
		log_warn("%u workers, not %u: there are sockets for so many; after a restart there "
			 "are more",
		    c->sockets.rows, workers);
	c->sockets.workers = c->sockets.rows < workers ? c->sockets.rows : workers;
	c->worker_count = c->sockets.workers;
	return true;
}

static bool
open_pidfile(struct cathedral *c, struct fault *why)
{
	const char *path = c->conf.pidfile;
	int fd = -1;

	if (c->taker != NULL && path[0] != '\0')
		fd = taker_keepsake(c->taker, KEEPSAKE_PIDFILE, path);
	if (fd != -1)
		pidfile_take(&c->pidfile, fd, path);
	else if (!pidfile_open(&c->pidfile, path, why))
		return false;
	c->pidfile_kept.fd = c->pidfile.fd;
	snprintf(c->pidfile_kept.name, sizeof(c->pidfile_kept.name), "%s", path);
	return true;
}

/* Everything that may need root. */
static bool
open_outside(struct cathedral *c, struct fault *why)
{
	const struct conf *conf = &c->conf;
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	const struct succession_options succession = {
		.version = VERSION,
		.owner = conf->user,
		.door = conf->handover,
		.state = conf->state,
		.state_s = conf->state_interval,
		.budgets = conf->budget_file,
		.taker = c->taker,
	};
	const struct loop_options options = {
		.instance = conf->instance,
		.version = VERSION,
		.control = conf->control,
		.control_user = conf->control_user,
		.owner = conf->user,
		.metrics = conf->metrics,
		.taker = c->taker,
	};

	/* Secrets are in locked memory; who is refused this has to do with what he has. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	if (!open_sockets(c, why))
		return false;
	c->loop = loop_create(&options, why);
	if (c->loop == NULL)
		return false;
	c->succession = succession_open(&succession, why);
	return c->succession != NULL && open_pidfile(c, why);
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

/* Somebody had begun to take over, and this one goes on. */
static void
reclaim(void *arg)
{
	struct cathedral *c = arg;

	pidfile_write(&c->pidfile);
	notify_main_pid();
}

static bool
attach_loop(struct cathedral *c, struct fault *why)
{
	const struct loop_world world = {
		.source = &c->source,
		.follow = c->follow,
		.site = c->site,
		.sockets = &c->sockets,
		.succession = c->succession,
		.workers = c->worker_count,
		.stats = c->stats,
		.seed = &c->random,
		.pidfile = &c->pidfile_kept,
		.reclaim = reclaim,
		.reclaim_arg = c,
	};

	c->source.alive = loop_alive;
	c->source.alive_arg = c->loop;
	return loop_attach(c->loop, &world, why);
}

/* The moment from which on this process serves, and no other. */
static bool
start_serving(struct cathedral *c, struct fault *why)
{
	const struct crew_options crew = {
		.site = c->site,
		.sockets = &c->sockets,
		.workers = c->worker_count,
		.lookup_percent = (unsigned)c->conf.lookup_percent,
		.spin_ns = c->conf.spin * 1000,
		.stats = c->stats,
		.seed = &c->random,
	};
	uint64_t since_ns;

	c->crew = crew_start(&crew, why);
	if (c->crew == NULL || succession_take(c->succession, c->site, why) == TAKER_NOT)
		return false;
	since_ns = crew_resume(c->crew);
	if (c->taker != NULL)
		reclaim(c);
	succession_serves(c->succession, since_ns);
	taker_destroy(c->taker);
	c->taker = NULL;
	return true;
}

/* In reverse order, and fine for what was not opened. */
static void
cathedral_close(struct cathedral *c)
{
	crew_stop(c->crew);
	loop_destroy(c->loop);
	succession_close(c->succession);
	taker_destroy(c->taker);
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

/* Until it is told to end, or another cathedral serves in its place. */
static void
serve(struct cathedral *c)
{
	bool kept[KEEPSAKES];

	switch (loop_run(c->loop, c->crew, kept)) {
	case LOOP_GIVEN:
		log_info("another process serves now");
		if (kept[KEEPSAKE_PIDFILE])
			pidfile_leave(&c->pidfile);
		return;
	case LOOP_STOPPED:
		break;
	}
	notify_stopping();
	crew_pause(c->crew);
	atomic_store(&c->site->draining, false); /* whoever ends it in order has drained it */
	succession_save(c->succession);
}

/* The cathedral that runs, if it is to be replaced. */
static bool
find_predecessor(struct cathedral *c, const struct startup *options, struct fault *why)
{
	if (!options->replace)
		return true;
	if (c->conf.handover[0] == '\0')
		return fault_set(why,
		    "%s: there is neither a handover socket nor a control socket "
		    "that it would be beside",
		    options->conf);
	c->taker = taker_knock(c->conf.handover, VERSION, why);
	return c->taker != NULL;
}

static bool
cathedral_run(struct cathedral *c, const struct startup *options, struct fault *why)
{
	if (!conf_open(c, options->conf, why) || !crypto_open(why))
		return false;
	if (options->check)
		return check(c, options->conf, why);

	/* Whatever needs root comes before privileges_drop(). */
	if (!has_user(&c->conf, options->conf, why) || !find_predecessor(c, options, why) ||
	    !open_outside(c, why) || !privileges_drop(c->conf.user, why))
		return false;
	if (!open_site(c, why) || (c->conf.sandbox && !cathedral_sandbox(&c->conf, why)) ||
	    !attach_loop(c, why) || !start_serving(c, why))
		return false;

	announce(&c->conf, c->site, &c->sockets);
	background_ready(&c->background);
	serve(c);
	return true;
}

int
main(int argc, char **argv)
{
	static struct cathedral c = { .pidfile = PIDFILE_NONE, .background = BACKGROUND_NONE };
	struct startup options = startup_read(argc, argv, &program);
	struct fault why;
	bool ok;

	if (options.done)
		return options.status;
	signal(SIGPIPE, SIG_IGN); /* clients that go away are not our end */
	if (options.background && !background_enter(&c.background, &ok))
		return ok ? EXIT_SUCCESS : EXIT_FAILURE;
	ok = cathedral_run(&c, &options, &why);
	if (!ok)
		log_error("%s", why.text);
	cathedral_close(&c);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
