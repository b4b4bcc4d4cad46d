/* SPDX-License-Identifier: ISC */
#include "cathedral/announce.h"

#include "base/log.h"
#include "base/notify.h"
#include "cathedral/io/reload.h"
#include "protocol/crypto/secret.h"

#include <stdio.h>

void
announce(const struct conf *conf, const struct site *s, const struct sockets *sockets)
{
	const struct site_options *site = &s->options;
	struct registry_counts counts = registry_counts(publish_current(s->publish));
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
	if (sockets->buffer < (int)conf->socket_buffer)
		log_warn("socket buffers of %d bytes only, net.core.rmem_max and wmem_max allow no "
			 "more",
		    sockets->buffer);
	if (sockets->busy_poll < (int)conf->busy_poll)
		log_warn("busy_poll is not granted: it takes CAP_NET_ADMIN, or root at the start");
	if (!secret_locked())
		log_warn("secrets may be written to swap: RLIMIT_MEMLOCK allows no more memory");
	if (counts.unfederated > 0)
		log_warn("the fleet has other cathedrals, but there is no federation secret");
	if (counts.peers > 0 && !endpoint_is_ipv4(&site->listeners[0].main))
		log_warn("the first listener is IPv6, but other cathedrals are told apart by IPv4");
	log_info("cathedral " VERSION " is ready: %u worker%s, %s", sockets->workers,
	    sockets->workers == 1 ? "" : "s", reload_summary(&counts, NULL, text));
	notify_ready(text);
}
