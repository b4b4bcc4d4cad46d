/* SPDX-License-Identifier: ISC */
/*
 * How long it takes until what the service has answered holds at the cathedrals.  At each of them a
 * device of a flock is there all the time; a further one comes and goes, and talks through every
 * cathedral to the device at the next one.
 *
 * test-chain FLOCK NN [ADDRESS:PORT NUMBER FOLDER]...: NN is the KEK number of the one that comes;
 *a FOLDER holds id, cosk and kek of a device.  Then, from standard input, a word a line:
 *
 *	come FOLDER         it is approved now: "came" and for each cathedral the milliseconds until
 *the first packet from there was received go                  it is deleted now: "went" and the
 *same until the last one was, 0 for none hold GENERATION     a bundle is uploaded now: "held" and
 *the same until its ambry was opened
 *
 * Answers "late" when something has not happened in 15 seconds.
 */
#include "base/file.h"
#include "base/hex.h"
#include "protocol/crypto/aead.h"
#include "protocol/crypto/secret.h"
#include "tools/cathedral-probe/sender.h"

#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITES      3
#define LIMIT_NS   (15 * NS_PER_S)
#define QUIET_NS   (NS_PER_S)        /* after that nothing comes any more */
#define OFFER_NS   (50 * NS_PER_MS)  /* the one that comes cannot wait */
#define STAND_NS   (500 * NS_PER_MS) /* between offers of those that are there */
#define PER_SECOND 100               /* packets */
#define PATH       512
#define MTU        1373

struct site {
	struct options stands, comes; /* the device that is there, and the one that comes */
	struct probe standing, coming;
	struct sender sender;
	char paths[6][PATH];
	uint64_t first_ns, last_ns; /* data of the one that comes, from the site before */
	uint32_t held;              /* the last generation it opened */
	uint64_t held_ns;
};

struct chain {
	struct site sites[SITES];
	struct random *random;
	uint64_t flock, number, numbers[SITES];
	uint32_t generation; /* awaited */
	bool is_there;       /* the one that comes */
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

/* The tunnel between the one that comes to site n and the one that is at the next. */
static uint64_t
tunnel_from(const struct chain *x, size_t n)
{
	return x->number << 8 | x->numbers[(n + 1) % SITES];
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

static void
come(struct chain *x, const char *folder, const struct device_moment *m)
{
	struct fault why;

	for (size_t n = 0; n < SITES; n++) {
		struct site *s = &x->sites[n];
		struct device_options *d = &s->comes.ends[0];

		set_keys(d, s->paths + 3, folder);
		d->id = read_id(folder);
		d->tunnel = tunnel_from(x, n);
		d->interval_ns = OFFER_NS;
		if (!probe_open(&s->coming, "coming", &s->comes, d, m, &why))
			die(why.text);
		s->sender = sender_new(m, PER_SECOND, 500, false);
		s->first_ns = s->last_ns = 0;
	}
	x->is_there = true;
}

static void
leave(struct chain *x)
{
	for (size_t n = 0; n < SITES; n++)
		probe_close(&x->sites[n].coming);
	x->is_there = false;
}

/* What the one that is at site n was sent by the one that came to the site before. */
static void
take(struct chain *x, size_t n, const struct device_event *ev, const struct device_moment *m)
{
	struct site *before = &x->sites[(n + SITES - 1) % SITES];
	struct site *s = &x->sites[n];
	struct stamp stamp;

	if (ev->kind == DEVICE_AMBRY && ev->ambry.opened && s->held != ev->ambry.generation) {
		s->held = ev->ambry.generation;
		s->held_ns = m->now.mono_ns;
	}
	if (ev->kind != DEVICE_DATA || !stamp_read(&stamp, ev->data.payload, ev->data.len) ||
	    stamp.run != before->sender.run)
		return;
	if (before->first_ns == 0)
		before->first_ns = m->now.mono_ns;
	before->last_ns = m->now.mono_ns;
}

static void
run_probe(struct chain *x, size_t n, struct probe *p, const struct device_moment *m)
{
	struct device_packet packet;
	struct incoming in;

	while (probe_receive(p, &in)) {
		struct device_event ev =
		    device_receive(&p->device, in.bytes, in.len, &in.from, m->now);

		if (p == &x->sites[n].standing)
			take(x, n, &ev, m);
	}
	while (device_step(&p->device, m, &packet) == DEVICE_SENDS)
		probe_send(p, &packet);
}

/* A turn of all of them; waits for at most a millisecond or two, and for standard input. */
static bool
turn(struct chain *x, struct device_moment *m)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	m->now = clock_now();
	for (size_t n = 0; n < SITES; n++) {
		run_probe(x, n, &x->sites[n].standing, m);
		if (!x->is_there)
			continue;
		run_probe(x, n, &x->sites[n].coming, m);
		sender_turn(&x->sites[n].sender, &x->sites[n].coming, m);
	}
	return poll(&input, 1, 1) > 0;
}

static bool
all_came(const struct chain *x, uint64_t now_ns)
{
	(void)now_ns;
	for (size_t n = 0; n < SITES; n++) {
		if (x->sites[n].first_ns == 0)
			return false;
	}
	return true;
}

static bool
all_went(const struct chain *x, uint64_t now_ns)
{
	for (size_t n = 0; n < SITES; n++) {
		if (x->sites[n].last_ns + QUIET_NS > now_ns)
			return false;
	}
	return true;
}

static bool
all_hold(const struct chain *x, uint64_t now_ns)
{
	(void)now_ns;
	for (size_t n = 0; n < SITES; n++) {
		if (x->sites[n].held != x->generation)
			return false;
	}
	return true;
}

/* Goes on until it is so, and says when that was, from since. */
static void
await(struct chain *x, const char *word, bool (*so)(const struct chain *x, uint64_t now_ns),
    size_t at, uint64_t since_ns, struct device_moment *m)
{
	while (
	    !so(x, m->now.mono_ns) || m->now.mono_ns < since_ns + (so == all_went ? QUIET_NS : 0)) {
		if (m->now.mono_ns > since_ns + LIMIT_NS) {
			printf("late\n");
			return;
		}
		turn(x, m);
	}
	printf("%s", word);
	for (size_t n = 0; n < SITES; n++) {
		uint64_t then_ns;

		memcpy(&then_ns, (const char *)&x->sites[n] + at, sizeof(then_ns));
		printf(" %.1f",
		    then_ns > since_ns ? (double)(then_ns - since_ns) / (double)NS_PER_MS : 0.0);
	}
	printf("\n");
}

static void
obey(struct chain *x, char *line, struct device_moment *m)
{
	uint64_t since_ns, generation;

	line[strcspn(line, "\n")] = '\0';
	m->now = clock_now();
	since_ns = m->now.mono_ns;
	if (strncmp(line, "come ", 5) == 0) {
		come(x, line + 5, m);
		await(x, "came", all_came, offsetof(struct site, first_ns), since_ns, m);
	} else if (strcmp(line, "go") == 0) {
		await(x, "went", all_went, offsetof(struct site, last_ns), since_ns, m);
		leave(x);
	} else if (strncmp(line, "hold ", 5) == 0 && hex_u64(&generation, line + 5, UINT32_MAX)) {
		x->generation = (uint32_t)generation;
		await(x, "held", all_hold, offsetof(struct site, held_ns), since_ns, m);
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
	}
	for (size_t n = 0; n < SITES; n++)
		open_site(x, n, argv + 3 + 3 * n, &m);
	for (;;) {
		if (!turn(x, &m))
			continue;
		if (fgets(line, sizeof(line), stdin) == NULL)
			break;
		obey(x, line, &m);
	}
	for (size_t n = 0; n < SITES; n++)
		probe_close(&x->sites[n].standing);
	secret_free(r, sizeof(*r));
	free(x);
	return EXIT_SUCCESS;
}
