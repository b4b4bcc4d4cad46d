/* SPDX-License-Identifier: ISC */
/* A device with a socket. */
#ifndef TOOLS_CATHEDRAL_PROBE_PROBE_H
#define TOOLS_CATHEDRAL_PROBE_PROBE_H

#include "base/fault.h"
#include "tools/cathedral-probe/options.h"
#include "tools/device/device.h"

#include <stdbool.h>
#include <stdint.h>

struct probe {
	const char *name; /* "a", "b", or "device" when it is alone */
	struct device device;
	struct endpoint local;
	int socket;
	bool six; /* the socket's family is AF_INET6 */
	uint64_t sent, unsent, received, cut;
	uint64_t events[DEVICE_EVENT_KINDS];
};

/* Reads the keys and opens the socket; on failure nothing stays open. */
bool probe_open(struct probe *p, const char *name, const struct options *o,
    const struct device_options *d, const struct device_moment *m, struct fault *why);
void probe_close(struct probe *p);

/* What the kernel does not take is counted as unsent: for a datagram that is a loss like others. */
void probe_send(struct probe *p, const struct device_packet *packet);

/* The next datagram that waits; false when none does.  Its bytes go to buffer. */
struct incoming {
	size_t len;
	struct endpoint from;
	uint8_t bytes[DEVICE_PACKET_MAX];
};

bool probe_receive(struct probe *p, struct incoming *in);

#endif
