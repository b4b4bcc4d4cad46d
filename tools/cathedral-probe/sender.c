/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-probe/sender.h"

#include "tools/cathedral-probe/loop.h"

#define PER_TURN 64 /* what is due beyond that waits until packets were received */

struct sender
sender_new(const struct device_moment *m, double rate, uint64_t size, bool direct)
{
	return (struct sender){
		.run = random_u64(m->random) | 1, /* 0 stands for none */
		.interval_ns = rate > 0 ? (uint64_t)((double)NS_PER_S / rate) : 0,
		.next_ns = m->now.mono_ns,
		.payload = (size_t)size - DATA_HEADER_SIZE,
		.direct = direct,
	};
}

/* Puts a stamp into a data packet and sends it, relayed or directly. */
static bool
send_stamp(struct probe *p, const struct stamp *s, size_t len, const struct device_moment *m)
{
	uint8_t payload[DEVICE_PAYLOAD_MAX];
	struct device_packet packet;
	bool direct = (s->flags & STAMP_DIRECT) != 0;

	stamp_write(s, payload, len);
	if (direct ? !device_make_direct(&p->device, m, payload, len, &packet)
		   : !device_make_data(&p->device, m, payload, len, &packet))
		return false;
	probe_send(p, &packet);
	return true;
}

bool
sender_send(struct sender *s, struct probe *p, uint8_t flags, const struct device_moment *m)
{
	struct stamp stamp = {
		.run = s->run,
		.number = s->sent,
		.sent_ns = m->now.mono_ns,
		.flags = (uint8_t)(flags | (s->direct ? STAMP_DIRECT : 0)),
	};

	return send_stamp(p, &stamp, s->payload, m);
}

void
sender_echo(struct probe *p, const struct stamp *in, size_t payload, const struct device_moment *m)
{
	struct stamp back = *in;

	back.flags |= STAMP_ECHO;
	(void)send_stamp(p, &back, payload, m);
}

uint64_t
sender_turn(struct sender *s, struct probe *p, const struct device_moment *m)
{
	uint64_t now_ns = m->now.mono_ns;

	if (s->interval_ns == 0)
		return LOOP_SLEEP;
	for (int n = 0; n < PER_TURN && s->next_ns <= now_ns; n++) {
		if (sender_send(s, p, 0, m))
			s->sent++;
		s->next_ns += s->interval_ns;
	}
	/* A host that slept does not make up for it with a flood. */
	if (s->next_ns + NS_PER_S < now_ns)
		s->next_ns = now_ns;
	return s->next_ns;
}
