/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/comers.h"

#include "protocol/crypto/secret.h"
#include "tools/device/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_NS     (20 * NS_PER_MS)
#define LIFE_MIN_S  12 /* two offers at least */
#define LIFE_MAX_S  45
#define IDENTITY_NS (10 * NS_PER_S) /* where real ones take 300 s */
#define GROUP       7

struct comer {
	struct device device;
	int fd;            /* -1: nobody is there */
	uint64_t until_ns; /* when it goes, or the next one comes */
	bool served;
};

struct comers {
	struct comers_wish wish;
	const struct roster *roster;
	struct random *random;
	struct comers_counts counts;
	struct comer *list; /* secret_alloc()ed */
};

struct comers *
comers_create(const struct comers_wish *wish, const struct roster *r, struct random *random,
    struct fault *why)
{
	struct comers *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->list = secret_alloc(wish->count * sizeof(c->list[0]));
	if (c == NULL || c->list == NULL) {
		free(c);
		fault_set(why, "out of memory for devices that come and go");
		return NULL;
	}
	c->wish = *wish;
	c->roster = r;
	c->random = random;
	for (uint64_t n = 0; n < wish->count; n++)
		c->list[n].fd = -1;
	return c;
}

static void
leave(struct comers *c, struct comer *one)
{
	c->counts.left++;
	c->counts.unserved += !one->served;
	close(one->fd);
	one->fd = -1;
	device_wipe(&one->device);
}

void
comers_destroy(struct comers *c)
{
	if (c == NULL)
		return;
	for (uint64_t n = 0; n < c->wish.count; n++) {
		if (c->list[n].fd != -1)
			leave(c, &c->list[n]);
	}
	secret_free(c->list, c->wish.count * sizeof(c->list[0]));
	free(c);
}

static int
open_socket(const struct endpoint *at)
{
	struct sockaddr_storage to;
	socklen_t len = endpoint_to_sockaddr(at, &to);
	int fd = socket(endpoint_is_ipv4(at) ? AF_INET : AF_INET6,
	    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd != -1 && connect(fd, (struct sockaddr *)&to, len) == 0)
		return fd;
	if (fd != -1)
		close(fd);
	return -1;
}

static uint64_t
some_time_ns(struct comers *c, uint32_t from_s, uint32_t to_s)
{
	uint64_t ms = from_s * 1000 + random_below(c->random, (to_s - from_s) * 1000);

	return ms * NS_PER_MS;
}

static void
come(struct comers *c, struct comer *one, const struct device_moment *m)
{
	uint64_t flock = c->wish.first_flock + (uint64_t)(one - c->list);
	uint8_t own = (uint8_t)(1 + random_below(c->random, (uint32_t)c->roster->devices));
	const struct comers_listener *l =
	    &c->wish.listeners[random_below(c->random, COMERS_LISTENERS)];
	struct device_config config = device_config_default();
	struct device_keys keys = { .has_kek = false };
	struct cosk_public public;

	one->fd = open_socket(&l->at);
	one->until_ns = m->now.mono_ns + NS_PER_S;
	if (one->fd == -1)
		return;
	roster_secret(c->roster, flock, &keys.cs);
	roster_signing(c->roster, flock, &keys.cosk, &public);
	config.flock = config.flock_dst = roster_flock(flock);
	config.id = roster_device(flock, own);
	config.tunnel = tunnel_between(own, own % 2 == 0 ? own - 1 : own + 1);
	config.shroud = l->shroud;
	config.no_ambry = true;
	config.remembrance = true;
	config.seed_id_ns = IDENTITY_NS;
	config.liturgy = (struct device_liturgy){ .on = true, .group = GROUP };
	device_init(&one->device, &config, &keys, m);
	device_add_cathedral(&one->device, &l->at, 0);
	/* It stays where it is, whoever else it is told of. */
	one->device.config.give_up_ns = UINT64_MAX / 2;
	secret_wipe(&keys, sizeof(keys));
	one->served = false;
	one->until_ns = m->now.mono_ns + some_time_ns(c, LIFE_MIN_S, LIFE_MAX_S);
	c->counts.came++;
}

static void
listen_and_speak(struct comers *c, struct comer *one, const struct device_moment *m)
{
	struct device_packet packet;
	ssize_t len;

	while ((len = recv(one->fd, packet.bytes, sizeof(packet.bytes), 0)) > 0) {
		struct device_event ev = device_receive(&one->device, packet.bytes, (size_t)len,
		    device_cathedral(&one->device), m->now);

		c->counts.answers += !device_refused(ev.kind);
		c->counts.refused += device_refused(ev.kind);
		one->served = one->served || !device_refused(ev.kind);
	}
	while (device_step(&one->device, m, &packet) == DEVICE_SENDS)
		(void)!send(one->fd, packet.bytes, packet.len, 0);
}

uint64_t
comers_turn(void *comers, uint64_t now_ns)
{
	struct comers *c = comers;
	struct device_moment m = { clock_now(), c->random };

	for (uint64_t n = 0; n < c->wish.count; n++) {
		struct comer *one = &c->list[n];

		/* At the beginning they do not come all at once. */
		if (one->until_ns == 0)
			one->until_ns = now_ns + some_time_ns(c, 0, 5);
		if (one->fd != -1)
			listen_and_speak(c, one, &m);
		if (now_ns < one->until_ns)
			continue;
		if (one->fd == -1) {
			come(c, one, &m);
		} else {
			leave(c, one);
			one->until_ns = now_ns + some_time_ns(c, 0, 5);
		}
	}
	return now_ns + LOOK_NS;
}

struct comers_counts
comers_counts(const struct comers *c)
{
	return c->counts;
}
