/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/muster.h"

#include "protocol/crypto/secret.h"
#include "protocol/wire/offer.h"
#include "tools/cathedral-load/peek.h"
#include "tools/cathedral-load/stop.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OFFER_ROOM (SHROUD_HEADER_SIZE + OFFER_SIZE + 1)
#define NO_SLOT    UINT32_MAX
#define SILENCE_NS (300 * NS_PER_MS) /* after which no answer is waited for any more */
#define PAUSE_NS   (NS_PER_MS / 4)
#define MASKS      4 /* of the flocks last seen on a lane */
#define PART       4096
#define WINDOW     96

struct slot {
	uint64_t end, sent_ns; /* sent_ns 0: not yet */
	bool answered;
	uint16_t len;
	uint8_t bytes[OFFER_ROOM];
};

struct mask {
	uint64_t flock;
	bool known;
	struct kmac_prefix prefix;
};

struct muster {
	struct muster_where where;
	uint32_t *slot_of; /* by end */
	struct slot *slots;
	size_t count, room;
	struct mask masks[LANES_MAX][MASKS];
	uint8_t next_mask[LANES_MAX];
	uint64_t made_cpu_ns;
};

struct muster *
muster_create(const struct muster_where *where, struct fault *why)
{
	uint64_t ends = 2 * roster_tunnels(where->roster);
	struct muster *m = secret_alloc(sizeof(*m));

	if (m != NULL) {
		m->where = *where;
		m->slot_of = malloc(ends * sizeof(m->slot_of[0]));
	}
	if (m == NULL || m->slot_of == NULL) {
		fault_set(why, "out of memory for %" PRIu64 " devices", ends);
		muster_destroy(m);
		return NULL;
	}
	memset(m->slot_of, 0xff, ends * sizeof(m->slot_of[0]));
	return m;
}

void
muster_destroy(struct muster *m)
{
	if (m == NULL)
		return;
	free(m->slot_of);
	free(m->slots);
	secret_free(m, sizeof(*m));
}

static uint64_t
flock_of(const struct muster *m, uint64_t end)
{
	return roster_tunnel(m->where.roster, end_tunnel(end)).flock;
}

static size_t
lane_of(const struct muster *m, uint64_t end)
{
	return flock_of(m, end) % m->where.lanes->count;
}

/* ---- preparing ---- */

static void
prepare_one(struct muster *m, size_t n, uint64_t number, const struct device_moment *moment)
{
	struct fleet_end end = { number, m->where.shroud, m->where.run };
	struct slot *s = &m->slots[n];
	struct device_packet packet;
	struct device d;

	end_open(&d, m->where.roster, &end, moment);
	device_make_info(&d, moment, &packet);
	*s = (struct slot){ .end = number, .len = (uint16_t)packet.len };
	memcpy(s->bytes, packet.bytes, packet.len);
	m->slot_of[number] = (uint32_t)n;
	device_wipe(&d);
}

static struct device_moment
moment_ahead(struct random *random)
{
	struct device_moment m = { clock_now(), random };

	m.now.wall_s += MUSTER_AHEAD_S;
	return m;
}

static void
forget(struct muster *m)
{
	for (size_t n = 0; n < m->count; n++)
		m->slot_of[m->slots[n].end] = NO_SLOT;
}

bool
muster_prepare(
    struct muster *m, uint64_t first, uint64_t count, struct random *random, struct fault *why)
{
	struct device_moment moment = moment_ahead(random);
	uint64_t before_ns = clock_thread_cpu_ns();

	forget(m);
	m->count = 0;
	if (count > m->room) {
		struct slot *slots = reallocarray(m->slots, count, sizeof(*slots));

		if (slots == NULL)
			return fault_set(why, "out of memory for %" PRIu64 " offers", count);
		m->slots = slots;
		m->room = count;
	}
	for (; m->count < count && !stop_asked(); m->count++)
		prepare_one(m, m->count, first + m->count, &moment);
	m->made_cpu_ns += clock_thread_cpu_ns() - before_ns;
	return true;
}

uint64_t
muster_prepare_again(struct muster *m, struct random *random)
{
	struct device_moment moment = moment_ahead(random);
	uint64_t before_ns = clock_thread_cpu_ns();
	size_t count = 0;

	forget(m);
	for (size_t n = 0; n < m->count; n++) {
		if (!m->slots[n].answered)
			prepare_one(m, count++, m->slots[n].end, &moment);
	}
	m->count = count;
	m->made_cpu_ns += clock_thread_cpu_ns() - before_ns;
	return count;
}

/* ---- answers ---- */

static void
remember_mask(struct muster *m, uint64_t end)
{
	size_t lane = lane_of(m, end);
	uint64_t flock = flock_of(m, end);

	if (!m->where.shroud)
		return;
	for (size_t n = 0; n < MASKS; n++) {
		if (m->masks[lane][n].known && m->masks[lane][n].flock == flock)
			return;
	}
	m->masks[lane][m->next_mask[lane]] = (struct mask){ .flock = flock, .known = true };
	end_mask(&m->masks[lane][m->next_mask[lane]].prefix, m->where.roster, flock);
	m->next_mask[lane] = (uint8_t)((m->next_mask[lane] + 1) % MASKS);
}

static bool
head_of(const uint8_t *bytes, size_t len, struct offer_header *ret)
{
	return wire_kind(bytes, len) == WIRE_KATEDRAL && offer_header_decode(ret, bytes, len);
}

/* An answer's head tells whose it is; under a shroud, that of one of the lane's flocks. */
static bool
find_head(const struct muster *m, size_t lane, struct iovec packet, struct offer_header *ret)
{
	uint8_t first[PEEK_SIZE];

	if (!m->where.shroud)
		return head_of(packet.iov_base, packet.iov_len, ret);
	for (size_t n = 0; n < MASKS; n++) {
		const struct mask *mask = &m->masks[lane][n];

		if (!mask->known || !peek(first, &mask->prefix, packet.iov_base, packet.iov_len))
			continue;
		if (offer_header_decode(ret, first, sizeof(first)) && ret->magic == MAGIC_KATEDRAL)
			return true;
	}
	return false;
}

static void
take_answer(
    struct muster *m, size_t lane, struct iovec packet, uint64_t now_ns, struct muster_result *ret)
{
	struct offer_header h;
	struct slot *s = NULL;
	uint64_t end;

	if (find_head(m, lane, packet, &h)) {
		end = end_of_device(m->where.roster, (struct device_id){ h.spi });
		if (end != END_NONE && m->slot_of[end] != NO_SLOT)
			s = &m->slots[m->slot_of[end]];
	}
	if (s == NULL || s->sent_ns == 0) {
		ret->strays++;
		return;
	}
	/* An offer may have two answers: a remembrance and an info. */
	if (s->answered)
		return;
	s->answered = true;
	ret->answered++;
	histogram_add(&ret->answer, now_ns - s->sent_ns);
}

static bool
take_answers(struct muster *m, uint64_t until_ns, struct muster_result *ret)
{
	uint32_t ready[2 * LANES_MAX];
	struct lanes *l = m->where.lanes;
	uint64_t before = ret->answered;
	size_t count = lanes_wait(l, ready, 2 * LANES_MAX, clock_now().mono_ns, until_ns);
	uint64_t now_ns = clock_now().mono_ns;

	for (size_t r = 0; r < count; r++) {
		size_t lane = ready[r] / 2;
		size_t n = volley_receive(m->where.volley, l->list[lane].fd[ready[r] % 2]);

		for (size_t i = 0; i < n; i++)
			take_answer(m, lane, volley_packet(m->where.volley, i), now_ns, ret);
	}
	return ret->answered > before;
}

/* ---- sending ---- */

static void
send_one(struct muster *m, struct slot *s, struct muster_result *ret)
{
	struct iovec packet = { s->bytes, s->len };
	const struct lane *lane = &m->where.lanes->list[lane_of(m, s->end)];
	uint64_t refused = 0;

	remember_mask(m, s->end);
	s->sent_ns = clock_now().mono_ns;
	if (volley_send(m->where.volley, lane->fd[s->end % 2], &packet, 1, &refused) == 1 &&
	    refused == 0)
		ret->sent++;
	else
		ret->unsent++;
}

bool
muster_send(struct muster *m, struct pace pace, struct muster_result *ret)
{
	uint64_t cpu_ns = clock_thread_cpu_ns(), start_ns = clock_now().mono_ns;
	uint64_t heard_ns = start_ns, last_ns = start_ns, now_ns = start_ns;
	uint64_t answered = ret->answered;

	pace.start_ns = start_ns;
	pace.end_ns = UINT64_MAX;
	pace.sent = 0;
	while (!stop_asked() && ret->answered - answered < m->count) {
		uint64_t under_way = pace.sent - (ret->answered - answered);
		uint64_t due = 0;

		/* Who did not answer in this time will not: the others shall not wait for it. */
		if (now_ns > heard_ns + SILENCE_NS) {
			if (pace.sent == m->count)
				break;
			under_way = 0;
			heard_ns = now_ns;
		}
		if (pace.sent < m->count)
			due = pace_due(&pace, under_way, now_ns);
		for (uint64_t n = 0; n < due && n < WINDOW && pace.sent < m->count; n++)
			send_one(m, &m->slots[pace.sent++], ret);
		/* As in traffic.c: by window alone, answers need not wake it one by one. */
		if (pace.rate == 0 && due == 0)
			lanes_pause(PAUSE_NS);
		if (take_answers(m, pace.rate == 0 ? now_ns : pace_next_ns(&pace, now_ns), ret))
			last_ns = heard_ns = clock_now().mono_ns;
		now_ns = clock_now().mono_ns;
	}
	ret->took_ns += last_ns - start_ns;
	ret->sent_cpu_ns += clock_thread_cpu_ns() - cpu_ns;
	ret->made_cpu_ns += m->made_cpu_ns;
	m->made_cpu_ns = 0;
	return !stop_asked();
}

static bool
send_part(struct muster *m, uint64_t first, uint64_t count, uint64_t until_ns,
    struct random *random, struct muster_result *ret, struct fault *why)
{
	const struct pace pace = { .window = WINDOW };

	if (!muster_prepare(m, first, count, random, why))
		return false;
	do {
		if (!muster_send(m, pace, ret))
			return fault_set(why, "ended by a signal");
		count = muster_prepare_again(m, random);
	} while (count > 0 && clock_now().mono_ns < until_ns);
	if (count == 0)
		return true;
	if (ret->answered == 0)
		return fault_set(why, "no answer from the cathedral: is it there, does it know "
				      "this fleet, and is --shroud right?");
	return fault_set(why, "%" PRIu64 " of %" PRIu64 " devices had no answer in time", count,
	    count + ret->answered);
}

bool
muster_all(struct muster *m, const struct muster_wish *wish, struct random *random,
    struct muster_result *ret, struct fault *why)
{
	uint64_t until_ns = clock_now().mono_ns + wish->patience_ns;

	for (uint64_t done = 0; done < wish->count;) {
		uint64_t left = wish->count - done, part = left < PART ? left : PART;

		if (!send_part(m, wish->first + done, part, until_ns, random, ret, why))
			return false;
		done += part;
	}
	return true;
}
