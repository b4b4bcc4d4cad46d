/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/sync.h"

#include "base/log.h"
#include "base/notify.h"
#include "protocol/crypto/secret.h"
#include "tools/cathedral-sync/memory.h"
#include "tools/cathedral-sync/sync_parts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define RELOAD_NS   (60 * NS_PER_S) /* reading very much takes a while */
#define PULSE_NS    (5 * NS_PER_S)
#define SLEEP_MS    60000
#define PAGE_LINES  60
#define PAGE_NS     (1 * NS_PER_S)
#define MODE_ALONE  0600
#define MODE_SHARED 0660

/* ---- opening ---- */

/* Whoever may read the registry may read what lies beside it. */
static mode_t
mode_beside(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[CONF_TEXT_MAX] = ".";
	struct stat st;

	if (slash != NULL)
		snprintf(
		    folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return stat(folder, &st) == 0 && (st.st_mode & S_IWGRP) != 0 ? MODE_SHARED : MODE_ALONE;
}

/* In the place of the one that is open, which stays when that fails. */
static bool
open_registry(struct sync *s, struct fault *why)
{
	const struct registry_db_options o = { .path = s->conf->registry,
		.key = s->conf->registry_key };
	struct registry_db *db = registry_db_create(&o, &s->random, why);
	struct stat st;

	if (db == NULL)
		return false;
	registry_db_close(s->db);
	s->db = db;
	if (stat(s->conf->registry, &st) == -1)
		return fault_set(why, "%s: %s", s->conf->registry, strerror(errno));
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return sync_look(s, why);
}

bool
sync_look(struct sync *s, struct fault *why)
{
	if (!registry_db_state(s->db, &s->held, why))
		return false;
	trail_set(&s->trail, s->held.database, s->held.until);
	taken_note(&s->taken, &s->held);
	return true;
}

static bool
open_fetches(struct sync *s, struct fault *why)
{
	s->hub = fetch_hub_create(&s->credentials, s->conf->pin, why);
	if (s->hub == NULL)
		return false;
	s->feed = fetch_create(s->hub);
	s->beat = fetch_create(s->hub);
	if (s->feed == NULL || s->beat == NULL)
		return fault_set(why, "out of memory, or libcurl lacks something");
	return true;
}

static void
close_fetches(struct sync *s)
{
	fetch_destroy(s->feed);
	fetch_destroy(s->beat);
	fetch_hub_destroy(s->hub);
	s->feed = NULL;
	s->beat = NULL;
	s->hub = NULL;
}

/* Before there are other threads, which inherit this. */
static bool
open_signals(struct sync *s, struct fault *why)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals != -1 || fault_set(why, "signals: %s", strerror(errno));
}

static bool
open_all(struct sync *s, struct fault *why)
{
	return open_signals(s, why) &&
	       credentials_read(&s->credentials, s->conf->token, s->conf->ca, why) &&
	       open_registry(s, why) && open_fetches(s, why);
}

static void
begin(struct sync *s)
{
	const struct sync_conf *c = s->conf;
	struct instant now = clock_now();

	random_from_system(&s->random);
	trail_begin(&s->trail, (unsigned)c->wait_s, now.mono_ns);
	snprintf(s->status_path, sizeof(s->status_path), "%s.status", c->registry);
	snprintf(s->refused_path, sizeof(s->refused_path), "%s.refused", c->registry);
	s->status = (struct status){
		.path = s->status_path,
		.mode = mode_beside(c->registry),
		.started = now,
		.dirty = true,
	};
	s->reload = inquiry_for(c->control, "reload", RELOAD_NS);
	s->pulse = inquiry_for(c->control, "status", PULSE_NS);
	s->beat_due_ns = now.mono_ns;
	s->feed_trouble = complaint_none();
	s->beat_trouble = complaint_none();
	s->cathedral_trouble = complaint_none();
	s->reload_trouble = complaint_none();
	s->status_trouble = complaint_none();
	s->registry_trouble = complaint_none();
	s->page_lines = (struct log_limit){ .interval_ns = PAGE_NS, .burst = PAGE_LINES };
	s->watchdog_ns = notify_watchdog_interval_ms() * NS_PER_MS;
	s->signals = -1;
}

struct sync *
sync_create(const struct sync_conf *conf, struct fault *why)
{
	struct sync *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		fault_set(why, "out of memory");
		return NULL;
	}
	s->conf = conf;
	memory_for_json();
	begin(s);
	if (open_all(s, why))
		return s;
	sync_destroy(s);
	return NULL;
}

void
sync_destroy(struct sync *s)
{
	if (s == NULL)
		return;
	inquiry_close(&s->reload);
	inquiry_close(&s->pulse);
	close_fetches(s);
	registry_db_close(s->db);
	credentials_free(&s->credentials);
	if (s->signals != -1)
		close(s->signals);
	secret_wipe(&s->random, sizeof(s->random));
	free(s);
}

/* ---- signals ---- */

/* Connections are new ones afterwards: with the new token, to whom the new certificates allow. */
static bool
renew(struct sync *s, struct fault *why)
{
	struct credentials fresh = { .ca = NULL };

	notify_reloading();
	if (!credentials_read(&fresh, s->conf->token, s->conf->ca, why)) {
		log_error("token and certificates stay as they were: %s", why->text);
		return true;
	}
	close_fetches(s);
	credentials_free(&s->credentials);
	s->credentials = fresh;
	log_info("token and certificates were read again");
	trail_hurry(&s->trail, clock_now().mono_ns);
	return open_fetches(s, why);
}

static bool
take_signals(struct sync *s, struct fault *why)
{
	char text[STATUS_LINE];
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP) {
			s->ends = true;
			continue;
		}
		if (!renew(s, why))
			return false;
		notify_ready(status_line(&s->status, &s->trail, clock_now().mono_ns, text));
	}
	return true;
}

/* ---- the loop ---- */

/* The file may be thrown away at any time; what is open would then be written for nobody. */
static void
mend_registry(struct sync *s, struct instant now)
{
	struct fault why;
	struct stat st;

	if (stat(s->conf->registry, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
		return;
	if (!open_registry(s, &why)) {
		complaint_raise(&s->registry_trouble, LOG_LEVEL_ERROR, now.mono_ns,
		    "the registry is gone: %s", why.text);
		return;
	}
	complaint_settle(&s->registry_trouble, now.mono_ns, "there is a registry");
	log_warn("%s was replaced: this one goes up to change %ju", s->conf->registry,
	    (uintmax_t)s->held.until);
	trail_hurry(&s->trail, now.mono_ns);
}

static void
status_turn(struct sync *s, struct instant now)
{
	char text[STATUS_LINE];
	struct fault why;

	if (status_due_ns(&s->status) > now.mono_ns)
		return;
	mend_registry(s, now);
	notify_status(status_line(&s->status, &s->trail, now.mono_ns, text));
	if (status_write(&s->status, &s->trail, &s->held, now, &why))
		complaint_settle(&s->status_trouble, now.mono_ns, "the status is written");
	else
		complaint_raise(&s->status_trouble, LOG_LEVEL_ERROR, now.mono_ns, "%s", why.text);
}

static void
watchdog_turn(struct sync *s, struct instant now)
{
	if (s->watchdog_ns == 0 || s->watchdog_due_ns > now.mono_ns)
		return;
	notify_watchdog();
	s->watchdog_due_ns = now.mono_ns + s->watchdog_ns;
}

/* Asked when all turns are done: each of them may give another one something to do. */
static uint64_t
next_due_ns(const struct sync *s)
{
	uint64_t now_ns = clock_now().mono_ns;
	const uint64_t dues_ns[] = {
		status_due_ns(&s->status),
		trail_due_ns(&s->trail),
		inquiry_due_ns(&s->reload, now_ns),
		inquiry_due_ns(&s->pulse, now_ns),
		s->beat_due_ns,
		s->watchdog_ns == 0 ? UINT64_MAX : s->watchdog_due_ns,
	};
	uint64_t due_ns = UINT64_MAX;

	for (size_t i = 0; i < sizeof(dues_ns) / sizeof(dues_ns[0]); i++)
		due_ns = dues_ns[i] < due_ns ? dues_ns[i] : due_ns;
	return due_ns;
}

static void
turn(struct sync *s)
{
	/* The status first: it may find that the registry has to be filled anew. */
	static void (*const turns[])(struct sync *, struct instant) = { status_turn, sync_feed_turn,
		sync_reload_turn, sync_beat_turn, watchdog_turn };

	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++)
		turns[i](s, clock_now());
}

static void
wait_until(struct sync *s, uint64_t due_ns)
{
	struct pollfd candidates[] = { { .fd = s->signals, .events = POLLIN },
		inquiry_poll(&s->reload), inquiry_poll(&s->pulse) };
	struct pollfd fds[sizeof(candidates) / sizeof(candidates[0])];
	uint64_t now_ns = clock_now().mono_ns, ms = 0;
	size_t count = 0;

	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		if (candidates[i].fd != -1)
			fds[count++] = candidates[i];
	}
	if (due_ns > now_ns)
		ms = (due_ns - now_ns - 1) / NS_PER_MS + 1;
	fetch_hub_wait(s->hub, fds, count, ms < SLEEP_MS ? (int)ms : SLEEP_MS);
}

static void
announce(struct sync *s)
{
	char text[STATUS_LINE];

	if (sync_conf_is_plain(s->conf))
		log_warn("%s is plain HTTP: the token and the secrets of all devices can be read "
			 "on their way",
		    s->conf->api);
	if (!secret_locked())
		log_warn("secrets may be written to swap: RLIMIT_MEMLOCK allows no more memory");
	log_info("cathedral-sync " VERSION " is ready: %s holds %ju flocks, %ju devices, up to "
		 "change %ju",
	    s->conf->registry, (uintmax_t)s->held.flocks, (uintmax_t)s->held.devices,
	    (uintmax_t)s->held.until);
	notify_ready(status_line(&s->status, &s->trail, clock_now().mono_ns, text));
}

bool
sync_run(struct sync *s, struct fault *why)
{
	announce(s);
	while (!s->ends) {
		turn(s);
		wait_until(s, next_due_ns(s));
		if (!take_signals(s, why))
			return false;
	}
	notify_stopping();
	log_info("ended, up to change %ju", (uintmax_t)s->held.until);
	return true;
}
