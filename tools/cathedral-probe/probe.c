/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-probe/probe.h"

#include "base/file.h"
#include "protocol/crypto/secret.h"
#include "protocol/crypto/sign.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BUFFER (4 << 20)

static bool
read_keys(struct device_keys *keys, const struct device_options *d, struct fault *why)
{
	struct cosk_public public;

	if (!file_read_exact(keys->cs.bytes, sizeof(keys->cs.bytes), d->cs, why) ||
	    !file_read_exact(keys->cosk.bytes, sizeof(keys->cosk.bytes), d->cosk, why))
		return false;
	if (!sign_public_of(&public, &keys->cosk))
		return fault_set(
		    why, "%s: not a signing key: its halves do not belong together", d->cosk);
	keys->has_kek = d->kek != NULL;
	return d->kek == NULL ||
	       file_read_exact(keys->kek.bytes, sizeof(keys->kek.bytes), d->kek, why);
}

static struct device_config
config_of(const struct options *o, const struct device_options *d)
{
	struct device_config c = device_config_default();

	c.flock.value = d->flock;
	c.flock_dst.value = d->flock_dst;
	c.id.value = (uint32_t)d->id;
	c.tunnel.value = (uint16_t)d->tunnel;
	c.shroud = d->shroud;
	c.mtu = (size_t)d->mtu;
	c.remembrance = d->remembrance;
	c.direct = o->p2p;
	c.info_ns = d->interval_ns;
	c.liturgy_ns = d->interval_ns;
	c.give_up_ns = d->give_up_ns;
	if (o->group != NOT_GIVEN) {
		c.liturgy.on = true;
		c.liturgy.group = (uint16_t)o->group;
		c.liturgy.signalling = o->signalling;
		c.liturgy.hidden = o->hidden;
		c.liturgy.peers = o->signalled;
	}
	return c;
}

static bool
make_device(struct probe *p, const struct options *o, const struct device_options *d,
    const struct device_moment *m, struct fault *why)
{
	struct device_config config = config_of(o, d);
	struct device_keys keys = { 0 };
	bool ok = read_keys(&keys, d, why);

	if (ok)
		device_init(&p->device, &config, &keys, m);
	secret_wipe(&keys, sizeof(keys));
	if (!ok)
		return false;
	for (size_t i = 0; i < d->cathedral_count; i++)
		device_add_cathedral(&p->device, &d->cathedrals[i], (uint16_t)d->nat_port);
	if (d->rx_spi != NOT_GIVEN)
		p->device.rx_active = (uint32_t)d->rx_spi;
	if (d->tx_spi != NOT_GIVEN)
		p->device.tx_spi = (uint32_t)d->tx_spi;
	return true;
}

/* IPv4 addresses go to an IPv6 socket in their mapped form: a list of cathedrals may have both. */
static socklen_t
address_for(const struct probe *p, const struct endpoint *e, struct sockaddr_storage *to)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(e->port) };

	if (!p->six || !endpoint_is_ipv4(e))
		return endpoint_to_sockaddr(e, to);
	memset(to, 0, sizeof(*to));
	memcpy(six.sin6_addr.s6_addr, e->ip, sizeof(e->ip));
	memcpy(to, &six, sizeof(six));
	return sizeof(six);
}

static bool
open_socket(struct probe *p, const struct device_options *d)
{
	static const uint8_t any[4];
	struct endpoint from = p->six ? (struct endpoint){ 0 } : endpoint_from_ipv4(any, 0);
	struct sockaddr_storage address;
	socklen_t len;
	int size = SOCKET_BUFFER, no = 0;

	p->socket =
	    socket(p->six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->socket == -1)
		return false;
	if (p->six && setsockopt(p->socket, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) == -1)
		return false;
	/* As much as the host allows: less only means that bursts may be lost. */
	(void)setsockopt(p->socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (d->has_bind)
		from = d->bind;
	len = address_for(p, &from, &address);
	if (bind(p->socket, (struct sockaddr *)&address, len) == -1)
		return false;
	len = sizeof(address);
	return getsockname(p->socket, (struct sockaddr *)&address, &len) == 0 &&
	       endpoint_from_sockaddr(&p->local, &address);
}

bool
probe_open(struct probe *p, const char *name, const struct options *o,
    const struct device_options *d, const struct device_moment *m, struct fault *why)
{
	char text[ENDPOINT_TEXT] = "socket";

	memset(p, 0, sizeof(*p));
	p->name = name;
	p->socket = -1;
	for (size_t i = 0; i < d->cathedral_count; i++)
		p->six = p->six || !endpoint_is_ipv4(&d->cathedrals[i]);
	if (d->has_bind && !p->six && !endpoint_is_ipv4(&d->bind))
		return fault_set(why, "--bind: an IPv6 address does not reach an IPv4 cathedral");
	if (!make_device(p, o, d, m, why))
		return false;
	if (open_socket(p, d))
		return true;
	if (d->has_bind)
		endpoint_format(&d->bind, text);
	fault_set(why, "%s: %s", text, strerror(errno));
	probe_close(p);
	return false;
}

void
probe_close(struct probe *p)
{
	if (p->socket != -1)
		close(p->socket);
	p->socket = -1;
	device_wipe(&p->device);
}

void
probe_send(struct probe *p, const struct device_packet *packet)
{
	struct sockaddr_storage to;
	socklen_t len = address_for(p, &packet->to, &to);
	ssize_t sent = -1;

	if (p->six || endpoint_is_ipv4(&packet->to))
		sent =
		    sendto(p->socket, packet->bytes, packet->len, 0, (struct sockaddr *)&to, len);
	if (sent == (ssize_t)packet->len)
		p->sent++;
	else
		p->unsent++;
}

bool
probe_receive(struct probe *p, struct incoming *in)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t len;

	/* With MSG_TRUNC the length is the datagram's, even if the buffer was too short for it. */
	do {
		len = recvfrom(p->socket, in->bytes, sizeof(in->bytes), MSG_TRUNC,
		    (struct sockaddr *)&from, &from_len);
	} while (len == -1 && errno == EINTR);
	if (len == -1)
		return false;
	p->received++;
	if ((size_t)len > sizeof(in->bytes)) {
		p->cut++;
		len = 0; /* what is left of it is not what was sent */
	}
	in->len = (size_t)len;
	return endpoint_from_sockaddr(&in->from, &from);
}
