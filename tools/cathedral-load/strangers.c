/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/strangers.h"

#include "base/clock.h"
#include "protocol/crypto/shroud.h"
#include "protocol/wire/kind.h"
#include "protocol/wire/offer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PREPARED 256
#define ROOM     1400
#define AT_ONCE  64

struct strange {
	uint16_t len;
	uint16_t fresh_at; /* eight bytes that are different each time */
	uint8_t bytes[ROOM];
};

struct strangers {
	struct pace pace;
	uint64_t sources, sent, tried;
	int *sockets;
	struct strange prepared[PREPARED];
};

/* In clear: an offer in the name of a device, for which the cathedral has to try its seal. */
static void
make_offer(struct strange *s, const struct roster *r, struct random *random)
{
	uint64_t n = random_below(random, (uint32_t)r->flocks);
	struct offer_header h = {
		.magic = MAGIC_KATEDRAL,
		.flock_src = roster_flock(n),
		.flock_dst = roster_flock(n),
		.spi = roster_device(n, (uint8_t)(1 + random_below(random, (uint32_t)r->devices)))
			   .value,
	};

	random_bytes(random, h.seed, sizeof(h.seed));
	offer_header_encode(&h, s->bytes);
	s->len = OFFER_SIZE;
	s->fresh_at = OFFER_HEADER_SIZE;
}

/* Every third is of each kind; under a shroud all look alike, but for their lengths. */
static void
make(struct strange *s, size_t n, bool shroud, const struct roster *r, struct random *random)
{
	random_bytes(random, s->bytes, sizeof(s->bytes));
	s->fresh_at = 0;
	s->len = (uint16_t)(1 + random_below(random, ROOM));
	if (s->len < 8)
		s->len = 8;
	if (n % 3 == 0)
		return;
	s->len = SHROUD_HEADER_SIZE + OFFER_SIZE + 1;
	if (!shroud && n % 3 == 1)
		make_offer(s, r, random);
}

static int
open_source(const struct endpoint *to, struct random *random)
{
	struct endpoint from = *to;
	struct sockaddr_storage address;
	socklen_t len;
	int fd = socket(endpoint_is_ipv4(to) ? AF_INET : AF_INET6,
	    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	from.port = 0;
	if (endpoint_is_loopback(to) && endpoint_is_ipv4(to))
		random_bytes(random, from.ip + 13, 3);
	if (from.ip[15] == 0 || from.ip[15] == 255)
		from.ip[15] = 1;
	len = endpoint_to_sockaddr(&from, &address);
	if (endpoint_is_loopback(to) && bind(fd, (struct sockaddr *)&address, len) == -1) {
		close(fd);
		return -1;
	}
	len = endpoint_to_sockaddr(to, &address);
	if (connect(fd, (struct sockaddr *)&address, len) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

struct strangers *
strangers_create(const struct strangers_wish *wish, const struct roster *r, struct random *random,
    struct fault *why)
{
	struct strangers *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->sockets = calloc(wish->sources, sizeof(s->sockets[0]));
	if (s == NULL || s->sockets == NULL) {
		fault_set(why, "out of memory");
		strangers_destroy(s);
		return NULL;
	}
	for (; s->sources < wish->sources; s->sources++) {
		s->sockets[s->sources] = open_source(&wish->at, random);
		if (s->sockets[s->sources] != -1)
			continue;
		fault_set(why, "sockets of strangers: %s", strerror(errno));
		strangers_destroy(s);
		return NULL;
	}
	for (size_t n = 0; n < PREPARED; n++)
		make(&s->prepared[n], n, wish->shroud, r, random);
	s->pace = (struct pace){ .rate = wish->rate, .end_ns = UINT64_MAX };
	return s;
}

void
strangers_destroy(struct strangers *s)
{
	if (s == NULL)
		return;
	for (uint64_t n = 0; n < s->sources; n++)
		close(s->sockets[n]);
	free(s->sockets);
	free(s);
}

uint64_t
strangers_turn(void *strangers, uint64_t now_ns)
{
	struct strangers *s = strangers;
	uint64_t due;

	if (s->pace.start_ns == 0)
		s->pace.start_ns = now_ns;
	due = pace_due(&s->pace, 0, now_ns);
	for (uint64_t n = 0; n < due && n < AT_ONCE; n++, s->tried++, s->pace.sent++) {
		struct strange *p = &s->prepared[s->tried % PREPARED];

		memcpy(p->bytes + p->fresh_at, &s->tried,
		    p->len - p->fresh_at < 8 ? p->len - p->fresh_at : 8);
		s->sent += send(s->sockets[s->tried % s->sources], p->bytes, p->len, 0) == p->len;
	}
	return due > AT_ONCE ? now_ns : pace_next_ns(&s->pace, now_ns);
}

uint64_t
strangers_sent(const struct strangers *s)
{
	return s->sent;
}
