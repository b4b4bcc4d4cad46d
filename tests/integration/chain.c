/* SPDX-License-Identifier: ISC */
/*
 * How long it takes until what the service has answered holds at each of three cathedrals.  At each
 * a device of a flock is there all the time; a further one comes and goes, and talks through every
 * cathedral to the device that is at the same one: so each is seen by itself.
 *
 * test-chain FLOCK NN [ADDRESS:PORT NUMBER FOLDER]...: NN is the KEK number of the one that comes;
 * a FOLDER holds id, cosk and kek of a device.  Then, from standard input, a line each:
 *
 *	come FOLDER     it will be approved, and be there from the answer on; "came": its first
 *packet go              it will be deleted, and goes on sending; "went": its last packet hold
 *GENERATION a bundle will be uploaded; "held": when its ambry was opened answered TIME   the
 *service's answer came, at this Unix time returned TIME   whoever asked for it was told
 *
 * The first three are answered "ready", and when it is over with the word above and for each of the
 * cathedrals the milliseconds since the answer, then for each those since the return; below zero
 * what was over before.  "late" when something has not happened in 15 seconds.
 *
 * The one that comes sends a packet a millisecond to each cathedral: that is how fine this is.  It
 * sends nothing before the answer: a stranger who knocks makes a cathedral search all devices it
 * knows, in a small part of a core, and it is not that part that is to be measured.  One such
 *search is in what it takes to come, since every device that is new to a cathedral needs it.
 */
#include "base/file.h"
#include "base/hex.h"
#include "protocol/crypto/aead.h"
#include "protocol/crypto/secret.h"
#include "tools/cathedral-probe/sender.h"

#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SITES      3
#define LIMIT_NS   (15 * (int64_t)NS_PER_S)
#define QUIET_NS   ((int64_t)NS_PER_S) /* after that nothing comes any more */
#define OFFER_NS   (20 * NS_PER_MS)    /* the one that comes cannot wait */
#define STAND_NS   (500 * NS_PER_MS)   /* between offers of those that are there */
#define PER_SECOND 1000                /* packets */
#define BYTES      200
#define TURN_MS    20
#define PATH       512
#define MTU        1373

struct site {
	struct options stands, comes; /* the device that is there, and the one that comes */
	struct probe standing, coming;
	struct sender sender;
	char paths[6][PATH];
	int64_t first_ns, last_ns; /* data of the one that comes; 0: none came */
	uint32_t held;             /* the last generation it opened */
	int64_t held_ns;
};

enum errand { NOTHING, COMES, GOES, HOLDS };

/* Times are of CLOCK_MONOTONIC. */
struct chain {
	struct site sites[SITES];
	uint64_t flock, number, numbers[SITES];
	bool is_there; /* the one that comes */
	enum errand errand;
	int64_t begun_ns, answered_ns, returned_ns; /* 0: not yet */
	uint32_t generation;                        /* awaited */
};

static void
die(const char *what)
{
	fprintf(stderr, "test-chain: %s\n", what);
	exit(EXIT_FAILURE);
}

/* Paths of what a device needs, in this folder. */
static void
set_keys(struct device_options *d, char paths[3][PATH], const char *folder)
{
	static const char *const names[3] = { "id", "cosk", "kek" };

	for (size_t i = 0; i < 3; i++)
		snprintf(paths[i], PATH, "%s/%s", folder, names[i]);
	d->cs = paths[0];
	d->cosk = paths[1];
	d->kek = paths[2];
}

static void
set_device(struct options *o, const struct chain *x, const char *at, uint64_t tunnel)
{
	struct device_options *d = &o->ends[0];

	memset(o, 0, sizeof(*o));
	o->group = NOT_GIVEN;
	*d = (struct device_options){
		.cathedral_count = 1,
		.shroud = true,
		.flock = x->flock,
		.flock_dst = x->flock,
		.tunnel = tunnel,
		.mtu = MTU,
		.rx_spi = NOT_GIVEN,
		.tx_spi = NOT_GIVEN,
		.give_up_ns = UINT64_MAX / 4,
	};
	if (!endpoint_parse(&d->cathedrals[0], at))
		die("not an address and a port");
}

static uint64_t
read_id(const char *folder)
{
	char path[PATH];
	struct fault why;
	uint8_t *text;
	size_t len;
	uint64_t id;

	snprintf(path, sizeof(path), "%s/cathedral_id", folder);
	if (!file_read(&text, &len, path, 64, &why))
		die(why.text);
	text[strcspn((char *)text, "\n")] = '\0';
	if (!hex_u64(&id, (char *)text, UINT32_MAX))
		die("not an identity");
	free(text);
	return id;
}

static void
open_site(struct chain *x, size_t n, char **words, const struct device_moment *m)
{
	struct site *s = &x->sites[n];
	struct device_options *d = &s->stands.ends[0];
	struct fault why;

	set_device(&s->stands, x, words[0], x->numbers[n] << 8 | x->number);
	set_device(&s->comes, x, words[0], 0);
	set_keys(d, s->paths, words[2]);
	d->id = read_id(words[2]);
	d->interval_ns = STAND_NS;
	if (!probe_open(&s->standing, "standing", &s->stands, d, m, &why))
		die(why.text);
	s->coming.socket = -1;
}

/* ---- the one that comes ---- */

static void
come(struct chain *x, const char *folder, const struct device_moment *m)
{
	struct fault why;

	for (size_t n = 0; n < SITES; n++) {
		struct site *s = &x->sites[n];
		struct device_options *d = &s->comes.ends[0];

		set_keys(d, s->paths + 3, folder);
		d->id = read_id(folder);
		d->tunnel = x->number << 8 | x->numbers[n];
		d->interval_ns = OFFER_NS;
		if (!probe_open(&s->coming, "coming", &s->comes, d, m, &why))
			die(why.text);
		s->sender = sender_new(m, PER_SECOND, BYTES, false);
		s->first_ns = s->last_ns = 0;
	}
}

static void
be_there(struct chain *x, const struct device_moment *m)
{
	for (size_t n = 0; n < SITES; n++)
		x->sites[n].sender.next_ns = m->now.mono_ns;
	x->is_there = true;
}

static void
leave(struct chain *x)
{
	for (size_t n = 0; n < SITES; n++)
		probe_close(&x->sites[n].coming);
	x->is_there = false;
}

/* ---- packets ---- */

/* What came to the one that is there. */
static void
take(struct site *s, const struct device_event *ev, int64_t now_ns)
{
	struct stamp stamp;

	if (ev->kind == DEVICE_AMBRY && ev->ambry.opened && s->held != ev->ambry.generation) {
		s->held = ev->ambry.generation;
		s->held_ns = now_ns;
	}
	if (ev->kind != DEVICE_DATA || !stamp_read(&stamp, ev->data.payload, ev->data.len) ||
	    stamp.run != s->sender.run)
		return;
	if (s->first_ns == 0)
		s->first_ns = now_ns;
	s->last_ns = now_ns;
}

static void
run_probe(struct site *s, struct probe *p, struct device_moment *m)
{
	struct device_packet packet;
	struct incoming in;

	while (probe_receive(p, &in)) {
		struct device_event ev;

		m->now = clock_now();
		ev = device_receive(&p->device, in.bytes, in.len, &in.from, m->now);
		if (p == &s->standing)
			take(s, &ev, (int64_t)m->now.mono_ns);
	}
	while (device_step(&p->device, m, &packet) == DEVICE_SENDS)
		probe_send(p, &packet);
}

/* A turn of all of them, then waits for what comes; true when that is a line to read. */
static bool
turn(struct chain *x, struct device_moment *m)
{
	struct pollfd fds[1 + 2 * SITES] = { { .fd = STDIN_FILENO, .events = POLLIN } };

	m->now = clock_now();
	for (size_t n = 0; n < SITES; n++) {
		struct site *s = &x->sites[n];

		run_probe(s, &s->standing, m);
		fds[1 + n] = (struct pollfd){ .fd = s->standing.socket, .events = POLLIN };
		fds[1 + SITES + n].fd = -1;
		if (!x->is_there)
			continue;
		run_probe(s, &s->coming, m);
		sender_turn(&s->sender, &s->coming, m);
		fds[1 + SITES + n] = (struct pollfd){ .fd = s->coming.socket, .events = POLLIN };
	}
	return poll(fds, 1 + 2 * SITES, x->is_there ? 1 : TURN_MS) > 0 && fds[0].revents != 0;
}

/* ---- errands ---- */

/* What is awaited at this site: whether it happened, and when. */
static bool
happened(const struct chain *x, const struct site *s, int64_t now_ns, int64_t *at_ns)
{
	switch (x->errand) {
	case COMES:
		*at_ns = s->first_ns;
		return s->first_ns != 0;
	case GOES:
		*at_ns = s->last_ns;
		return s->last_ns + QUIET_NS < now_ns && x->answered_ns + QUIET_NS < now_ns;
	case HOLDS:
		*at_ns = s->held_ns;
		return s->held == x->generation;
	case NOTHING:
		break;
	}
	return false;
}

static void
report(const struct chain *x, const int64_t at_ns[SITES])
{
	static const char *const words[] = { "", "came", "went", "held" };

	printf("%s", words[x->errand]);
	for (size_t n = 0; n < 2 * SITES; n++) {
		int64_t since_ns = n < SITES ? x->answered_ns : x->returned_ns;

		printf(" %.2f", (double)(at_ns[n % SITES] - since_ns) / (double)NS_PER_MS);
	}
	printf("\n");
}

static void
errand_turn(struct chain *x, int64_t now_ns)
{
	int64_t at_ns[SITES];
	bool over = x->answered_ns != 0 && x->returned_ns != 0;

	if (x->errand == NOTHING)
		return;
	for (size_t n = 0; n < SITES; n++)
		over = happened(x, &x->sites[n], now_ns, &at_ns[n]) && over;
	if (over)
		report(x, at_ns);
	else if (x->begun_ns + LIMIT_NS < now_ns)
		printf("late\n");
	else
		return;
	if (x->errand == GOES)
		leave(x);
	x->errand = NOTHING;
}

/* A Unix time with its microseconds, on the other clock. */
static int64_t
read_time(const char *text)
{
	int64_t mono_ns = (int64_t)clock_now().mono_ns, wall_ns, seconds;
	struct timespec wall;
	char micros[7];

	if (sscanf(text, "%" SCNd64 ".%6[0-9]", &seconds, micros) != 2 || strlen(micros) != 6)
		die("not a time");
	clock_gettime(CLOCK_REALTIME, &wall);
	wall_ns = wall.tv_sec * (int64_t)NS_PER_S + wall.tv_nsec;
	return mono_ns - (wall_ns - seconds * (int64_t)NS_PER_S - atoi(micros) * 1000);
}

static void
begin(struct chain *x, enum errand errand, int64_t now_ns)
{
	x->errand = errand;
	x->begun_ns = now_ns;
	x->answered_ns = x->returned_ns = 0;
	printf("ready\n");
}

static void
obey(struct chain *x, char *line, struct device_moment *m)
{
	uint64_t generation;

	line[strcspn(line, "\n")] = '\0';
	m->now = clock_now();
	if (strncmp(line, "come ", 5) == 0) {
		come(x, line + 5, m);
		begin(x, COMES, (int64_t)m->now.mono_ns);
	} else if (strcmp(line, "go") == 0) {
		begin(x, GOES, (int64_t)m->now.mono_ns);
	} else if (strncmp(line, "hold ", 5) == 0 && hex_u64(&generation, line + 5, UINT32_MAX)) {
		x->generation = (uint32_t)generation;
		begin(x, HOLDS, (int64_t)m->now.mono_ns);
	} else if (strncmp(line, "answered ", 9) == 0) {
		x->answered_ns = read_time(line + 9);
		if (x->errand == COMES)
			be_there(x, m);
	} else if (strncmp(line, "returned ", 9) == 0) {
		x->returned_ns = read_time(line + 9);
	} else {
		die("what?");
	}
}

int
main(int argc, char **argv)
{
	struct chain *x = calloc(1, sizeof(*x));
	struct random *r = secret_alloc(sizeof(*r));
	struct device_moment m = { .now = clock_now(), .random = r };
	char line[PATH];

	if (x == NULL || r == NULL || sodium_init() == -1 || !aead_init() ||
	    argc != 3 + 3 * SITES || !hex_u64(&x->flock, argv[1], UINT64_MAX) ||
	    !hex_u64(&x->number, argv[2], 0xff))
		die("wrong arguments");
	random_from_system(r);
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t n = 0; n < SITES; n++) {
		if (!hex_u64(&x->numbers[n], argv[3 + 3 * n + 1], 0xff))
			die("not a number");
		open_site(x, n, argv + 3 + 3 * n, &m);
	}
	for (;;) {
		if (turn(x, &m)) {
			if (fgets(line, sizeof(line), stdin) == NULL)
				break;
			obey(x, line, &m);
		}
		errand_turn(x, (int64_t)clock_now().mono_ns);
	}
	for (size_t n = 0; n < SITES; n++)
		probe_close(&x->sites[n].standing);
	secret_free(r, sizeof(*r));
	free(x);
	return EXIT_SUCCESS;
}
