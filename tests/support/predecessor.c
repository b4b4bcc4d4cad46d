/* SPDX-License-Identifier: ISC */
#include "tests/support/predecessor.h"

#include "base/clock.h"
#include "cathedral/io/crew.h"
#include "cathedral/io/giver.h"
#include "cathedral/io/sockets.h"
#include "cathedral/ops/control_socket.h"
#include "tests/support/heritage.h"

#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- inside of it ---- */

struct inside {
	const struct predecessor_options *options;
	struct event_base *base;
	int reports;
	struct small_site site;
	struct crew *crew;
	pthread_t stirrer;
	_Atomic bool paused;
};

static void
report(const struct inside *in, char what)
{
	if (write(in->reports, &what, 1) != 1)
		_exit(2);
}

static uint64_t
on_pause(void *arg)
{
	struct inside *in = arg;
	uint64_t since_ns;

	atomic_store(&in->paused, true);
	if (in->options->stirred > 0)
		pthread_join(in->stirrer, NULL);
	since_ns = crew_pause(in->crew);
	report(in, 'p');
	if (in->options->dies)
		_exit(9);
	return since_ns;
}

static void
on_resume(void *arg)
{
	struct inside *in = arg;

	crew_resume(in->crew);
	report(in, 'r');
}

/* A hundred times a second. */
static void *
stir(void *arg)
{
	const struct timespec nap = { .tv_nsec = 10 * 1000 * 1000 };
	struct inside *in = arg;

	while (!atomic_load(&in->paused)) {
		heritage_stir_any(&in->site, in->options->stirred / 100, in->options->tunnels);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	}
	return NULL;
}

static void
on_given(void *arg, const bool kept[static KEEPSAKES])
{
	const struct inside *in = arg;

	for (int role = 0; role < KEEPSAKES; role++) {
		if (kept[role])
			report(in, 'k');
	}
	report(in, 'g');
	event_base_loopbreak(in->base);
}

static void
give(struct inside *in, struct keepsake *door, const struct listener *listener)
{
	static struct keepsake control = { .fd = STDIN_FILENO, .name = "/some/control" };
	struct overview_succession state = { .handovers = 6 };
	static struct sockets sockets;
	struct small_site *s = &in->site;
	struct fault why;
	struct giver_options options = {
		.version = "1.2.3",
		.sockets = &sockets,
		.state = &state,
		.watchdog_ms = 15000,
		.keepsakes = { [KEEPSAKE_DOOR] = door, [KEEPSAKE_CONTROL] = &control },
		.pause = on_pause,
		.resume = on_resume,
		.given = on_given,
		.arg = in,
	};

	small_site_open(s);
	heritage_listen(s->site, 1);
	s->site->options.listeners[0] = *listener;
	heritage_fill(s, in->options->tunnels);
	options.site = s->site;
	if (!sockets_open(&sockets, listener, 1,
		&(struct sockets_options){ .workers = SMALL_SITE_WORKERS, .buffer = 65536 }, &why))
		_exit(3);
	in->crew = crew_start(&(struct crew_options){ .site = s->site,
				  .sockets = &sockets,
				  .workers = SMALL_SITE_WORKERS,
				  .lookup_percent = 10,
				  .stats = s->stats,
				  .seed = &s->random },
	    &why);
	if (in->crew == NULL)
		_exit(10);
	crew_resume(in->crew);
	if (in->options->stirred > 0 && pthread_create(&in->stirrer, NULL, stir, in) != 0)
		_exit(11);
	in->base = event_base_new();
	if (giver_create(in->base, &options) == NULL)
		_exit(4);
	report(in, '!');
	event_base_dispatch(in->base);
	_exit(0);
}

static void
lie(const struct inside *in, int door)
{
	int fd;

	report(in, '!');
	for (;;) {
		struct pollfd p = { .fd = door, .events = POLLIN };

		poll(&p, 1, -1);
		fd = accept(door, NULL, NULL);
		if (fd == -1)
			_exit(5);
		in->options->lie(fd);
		close(fd);
	}
}

static void
be_predecessor(const struct predecessor *p, const struct predecessor_options *options, int reports)
{
	static struct inside in;
	const struct control_socket at = {
		.name = "handover",
		.type = SOCK_SEQPACKET,
		.path = p->door,
		.user = "",
		.owner = "",
	};
	struct keepsake door;
	struct fault why;

	in.options = options;
	in.reports = reports;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	snprintf(door.name, sizeof(door.name), "%s", p->door);
	door.fd = control_socket_open(&at, &why);
	if (door.fd == -1)
		_exit(6);
	if (options->lie != NULL)
		lie(&in, door.fd);
	give(&in, &door, &p->listener);
}

/* ---- outside of it ---- */

static struct endpoint
own_address(uint16_t port)
{
	uint32_t pid = (uint32_t)getpid();
	const uint8_t ip[4] = { 127, (uint8_t)(224 + (pid >> 16) % 16), (uint8_t)(pid >> 8),
		(uint8_t)pid };

	return endpoint_from_ipv4(ip, port);
}

void
predecessor_start(struct predecessor *p, const struct predecessor_options *options)
{
	int ends[2];
	char ready;

	memset(p, 0, sizeof(*p));
	p->scratch = scratch_make();
	snprintf(p->door, sizeof(p->door), "%.100s/door", p->scratch.path);
	p->listener = (struct listener){ .main = own_address(4500), .nat_port = 4501 };
	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	p->pid = fork();
	assert_int_not_equal(p->pid, -1);
	if (p->pid == 0) {
		close(ends[0]);
		be_predecessor(p, options, ends[1]);
	}
	close(ends[1]);
	p->reports = ends[0];
	assert_int_equal(read(p->reports, &ready, 1), 1);
}

void
predecessor_end(struct predecessor *p)
{
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	close(p->reports);
	unlink(p->door);
	scratch_remove(&p->scratch);
}

void
predecessor_expect(struct predecessor *p, const char *reports)
{
	struct pollfd ready = { .fd = p->reports, .events = POLLIN };
	size_t len = strlen(p->seen);

	while (len < strlen(reports) && poll(&ready, 1, 10000) == 1 &&
	       read(p->reports, p->seen + len, 1) == 1)
		p->seen[++len] = '\0';
	/* And nothing more. */
	if (poll(&ready, 1, 50) == 1 && len + 1 < sizeof(p->seen) &&
	    read(p->reports, p->seen + len, 1) == 1)
		p->seen[++len] = '\0';
	assert_string_equal(p->seen, reports);
}
