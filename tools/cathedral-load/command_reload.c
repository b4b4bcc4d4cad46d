/* SPDX-License-Identifier: ISC */
/* reload: data goes through while some of the flocks change, and a device comes that was none. */
#include "tools/cathedral-load/child.h"
#include "tools/cathedral-load/ends.h"
#include "tools/cathedral-load/enlist.h"
#include "tools/cathedral-load/field.h"
#include "tools/cathedral-load/load_commands.h"
#include "tools/cathedral-load/stop.h"
#include "tools/control/ask.h"

#include "protocol/crypto/secret.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXTRAS   5                /* numbers that the new device has in turn */
#define KNOCK_NS (10 * NS_PER_MS) /* how often it tries whether it is known */

/* The process that writes the registry, so that the traffic does not wait for it. */
struct scribe {
	pid_t pid;
	int go[2], done[2]; /* pipes: it begins; it has written, at that time */
	const struct load_options *o;
	const struct roster *roster;
	uint64_t flocks;
	uint8_t extra;
};

struct newcomer {
	struct device device;
	int fd;
	uint64_t served_ns; /* 0: not yet */
	uint64_t knock_ns;
};

struct change {
	struct scribe scribe;
	struct newcomer newcomer;
	struct random *random;
	uint64_t at_ns, begun_ns, written_ns;
};

static void
be_scribe(void *arg)
{
	const struct scribe *s = arg;
	struct random random;
	uint64_t written_ns = 0;
	struct fault why;
	char byte;

	random_from_system(&random);
	if (read(s->go[0], &byte, 1) != 1)
		return;
	if (enlist_change(s->o->folder, s->roster, s->flocks, s->extra, &random, &why)) {
		written_ns = clock_now().mono_ns;
		if (s->o->control != NULL) {
			size_t len;

			free(control_ask(s->o->control, "reload", &len, &why));
		}
	} else {
		fprintf(stderr, "cathedral-load reload: %s\n", why.text);
	}
	(void)!write(s->done[1], &written_ns, sizeof(written_ns));
}

static bool
scribe_start(struct scribe *s, struct fault *why)
{
	if (pipe2(s->go, O_CLOEXEC) == -1 || pipe2(s->done, O_CLOEXEC | O_NONBLOCK) == -1)
		return fault_set(why, "pipe: no more files may be open");
	s->pid = child_work(be_scribe, s, CHILD_ANY_CPU, why);
	return s->pid != 0;
}

static void
scribe_stop(struct scribe *s)
{
	child_finish(s->pid);
	for (int n = 0; n < 2; n++) {
		if (s->go[n] != -1)
			close(s->go[n]);
		if (s->done[n] != -1)
			close(s->done[n]);
	}
}

/* ---- the new device, in the first flock ---- */

static bool
newcomer_open(struct newcomer *n, struct field *f, uint8_t number, struct fault *why)
{
	const struct load_options *o = f->o;
	struct device_config config = device_config_default();
	struct device_keys keys = { .has_kek = false };
	struct device_moment m = { clock_now(), f->random };
	struct sockaddr_storage to;
	socklen_t len = endpoint_to_sockaddr(&o->at, &to);
	struct cosk_public public;

	n->fd = socket(endpoint_is_ipv4(&o->at) ? AF_INET : AF_INET6,
	    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (n->fd == -1 || connect(n->fd, (struct sockaddr *)&to, len) == -1)
		return fault_set(why, "a socket for the new device");
	roster_secret(&f->roster, 0, &keys.cs);
	roster_signing(&f->roster, 0, &keys.cosk, &public);
	config.flock = config.flock_dst = roster_flock(0);
	config.id = roster_device(0, number);
	config.tunnel = tunnel_between(number, 1);
	config.shroud = o->shroud;
	config.no_ambry = true;
	config.remembrance = true;
	device_init(&n->device, &config, &keys, &m);
	device_add_cathedral(&n->device, &o->at, 0);
	secret_wipe(&keys, sizeof(keys));
	n->served_ns = n->knock_ns = 0;
	return true;
}

static void
newcomer_close(struct newcomer *n)
{
	if (n->fd != -1)
		close(n->fd);
	device_wipe(&n->device);
}

static void
knock(struct newcomer *n, const struct load_options *o, struct random *random)
{
	struct device_moment m = { clock_now(), random };
	struct device_packet packet;
	ssize_t len;

	while ((len = recv(n->fd, packet.bytes, sizeof(packet.bytes), 0)) > 0) {
		struct device_event ev =
		    device_receive(&n->device, packet.bytes, (size_t)len, &o->at, m.now);

		if (!device_refused(ev.kind) && n->served_ns == 0)
			n->served_ns = m.now.mono_ns;
	}
	if (n->served_ns != 0 || m.now.mono_ns < n->knock_ns)
		return;
	n->knock_ns = m.now.mono_ns + KNOCK_NS;
	device_make_info(&n->device, &m, &packet);
	(void)!send(n->fd, packet.bytes, packet.len, 0);
}

static uint64_t
turn(void *arg, uint64_t now_ns)
{
	struct change *c = arg;
	uint64_t written_ns;

	if (c->at_ns == 0)
		c->at_ns = now_ns + c->scribe.o->run_ns / 4;
	if (now_ns < c->at_ns)
		return c->at_ns;
	if (c->begun_ns == 0) {
		c->begun_ns = now_ns;
		(void)!write(c->scribe.go[1], "", 1);
	}
	if (c->written_ns == 0 &&
	    read(c->scribe.done[0], &written_ns, sizeof(written_ns)) == sizeof(written_ns))
		c->written_ns = written_ns;
	knock(&c->newcomer, c->scribe.o, c->random);
	return now_ns + NS_PER_MS;
}

/* ---- rounds ---- */

static void
add_times(json_t *to, const struct change *c)
{
	if (c->written_ns != 0)
		figure_real(to, "written_after_ms", (double)(c->written_ns - c->begun_ns) / 1e6);
	json_object_set_new(to, "served", json_boolean(c->newcomer.served_ns != 0));
	if (c->newcomer.served_ns == 0 || c->written_ns == 0)
		return;
	/* It may be served before the writer has looked at the clock. */
	figure_real(
	    to, "served_after_ms", ((double)c->newcomer.served_ns - (double)c->written_ns) / 1e6);
}

static bool
run_round(struct field *f, uint64_t round, uint64_t flocks, struct fault *why)
{
	const struct load_options *o = f->o;
	uint8_t extra = (uint8_t)(f->roster.devices + 1 + round % EXTRAS);
	struct change c = { .random = f->random,
		.newcomer.fd = -1,
		.scribe = { .o = o,
		    .roster = &f->roster,
		    .flocks = flocks,
		    .extra = extra,
		    .go = { -1, -1 },
		    .done = { -1, -1 } } };
	struct traffic_aside aside = { turn, &c };
	struct gauge g = { .pid = (int64_t)o->pid, .control = o->control };
	struct field_run run = { o->rate, o->run_ns, &aside, &g };
	json_t *figures = json_object();
	struct traffic_result result;
	bool ok;

	figure_count(figures, "round", round + 1);
	figure_count(figures, "flocks_changed", flocks);
	ok = field_meet(f, why) && scribe_start(&c.scribe, why) &&
	     newcomer_open(&c.newcomer, f, extra, why) &&
	     field_measure(f, &run, figures, &result, why);
	scribe_stop(&c.scribe);
	newcomer_close(&c.newcomer);
	if (ok) {
		add_times(figures, &c);
		show_figures(o->json, "reload", json_incref(figures));
	}
	json_decref(figures);
	return ok;
}

bool
run_reload(const struct load_options *o, struct random *random, struct fault *why)
{
	struct field_wish wish = { o->at, o->at, o->tunnels, o->others };
	struct fault later;
	struct field f;
	uint64_t flocks;
	bool ok;

	if (!field_open(&f, o, &wish, random, why))
		return false;
	flocks = (f.roster.flocks * o->percent + 99) / 100;
	ok = flocks > 0 || fault_set(why, "--percent must be at least 1");
	ok = ok && field_meet(&f, why) && field_load(&f, why);
	for (uint64_t round = 0; ok && round < o->rounds && !stop_asked(); round++)
		ok = run_round(&f, round, flocks, why);
	/* The fleet is left as it was found, whatever came of it. */
	if (flocks > 0 && !enlist_change(o->folder, &f.roster, flocks, 0, random, &later) && ok) {
		*why = later;
		ok = false;
	}
	field_close(&f);
	return ok;
}
