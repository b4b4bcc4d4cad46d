/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/traffic.h"

#include "protocol/crypto/secret.h"
#include "protocol/wire/offer.h"
#include "tools/cathedral-load/ends.h"
#include "tools/cathedral-load/packets.h"
#include "tools/cathedral-load/peek.h"
#include "tools/cathedral-load/stop.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_NS   (NS_PER_MS / 10)
#define SILENCE_NS (200 * NS_PER_MS) /* after which a window is opened again */
#define LATE_NS    NS_PER_S          /* what does not come in this time is lost */

/* One measurement. */
struct measurement {
	struct traffic *t;
	struct pace pace;
	uint32_t run;
	struct spent before;
	uint64_t begun_ns, heard_ns, written_off, written_off_ns;
	struct traffic_result *ret;
};

struct traffic {
	struct traffic_wish wish;
	struct lanes *lanes;
	struct volley *volley;
	struct random *random;
	struct packets packets;
	struct kmac_prefix *masks; /* by lane; secret_alloc()ed */
	struct tally *tallies;     /* by tunnel */
	uint64_t *numbers;         /* by tunnel: of the packet sent last */
	size_t next;               /* to be sent */
	struct measurement now;
};

uint64_t
traffic_size_min(bool shroud)
{
	return shroud ? PEEK_SIZE : MARK_PACKET;
}

uint64_t
traffic_size_max(bool shroud)
{
	return shroud ? PACKET_MAX - SHROUD_HEADER_SIZE - 1 : PACKET_MAX;
}

size_t
traffic_lane(const struct roster *r, uint64_t tunnel, size_t lanes)
{
	return roster_tunnel(r, tunnel).flock % lanes;
}

size_t
traffic_lanes(const struct roster *r, const struct traffic_wish *w)
{
	uint64_t first = roster_tunnel(r, w->first).flock;
	uint64_t last = roster_tunnel(r, w->first + w->tunnels - 1).flock;
	uint64_t flocks = last - first + 1;

	if (flocks <= LANES_MAX)
		return (size_t)flocks;
	return w->shroud ? 0 : LANES_MAX;
}

static bool
make_masks(struct traffic *t, const struct roster *r)
{
	size_t size = t->lanes->count * sizeof(t->masks[0]);

	if (!t->wish.shroud)
		return true;
	t->masks = secret_alloc(size);
	if (t->masks == NULL)
		return false;
	for (uint64_t n = 0; n < t->wish.tunnels; n++) {
		uint64_t tunnel = t->wish.first + n;

		end_mask(&t->masks[traffic_lane(r, tunnel, t->lanes->count)], r,
		    roster_tunnel(r, tunnel).flock);
	}
	return true;
}

struct traffic *
traffic_create(const struct traffic_wish *wish, const struct roster *roster, struct lanes *lanes,
    struct volley *volley, struct random *random, struct fault *why)
{
	struct traffic *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		fault_set(why, "out of memory");
		return NULL;
	}
	t->wish = *wish;
	t->lanes = lanes;
	t->volley = volley;
	t->random = random;
	t->tallies = calloc(wish->tunnels, sizeof(t->tallies[0]));
	t->numbers = calloc(wish->tunnels, sizeof(t->numbers[0]));
	fault_set(why, "out of memory for %" PRIu64 " tunnels", wish->tunnels);
	if (t->tallies != NULL && t->numbers != NULL && make_masks(t, roster) &&
	    packets_make(&t->packets, wish, roster, lanes->count, random, why))
		return t;
	traffic_destroy(t);
	return NULL;
}

void
traffic_destroy(struct traffic *t)
{
	if (t == NULL)
		return;
	packets_free(&t->packets);
	if (t->masks != NULL)
		secret_free(t->masks, t->lanes->count * sizeof(t->masks[0]));
	free(t->tallies);
	free(t->numbers);
	free(t);
}

/* ---- sending ---- */

/* As many as are due and leave by the same lane; how many of them the kernel took. */
static size_t
send_some(struct measurement *m, uint64_t due, uint64_t now_ns)
{
	struct traffic *t = m->t;
	struct iovec batch[VOLLEY_BATCH];
	const struct prepared *first = &t->packets.list[t->next];
	size_t count = 0, taken;
	uint64_t refused = 0;

	while (count < due && count < VOLLEY_BATCH) {
		const struct prepared *p = &t->packets.list[(t->next + count) % t->packets.count];
		struct mark mark = { m->run, p->tunnel, ++t->numbers[p->tunnel], now_ns };

		if (p->lane != first->lane) {
			t->numbers[p->tunnel]--;
			break;
		}
		mark_put(p->bytes + p->mark_at, p->blank, &mark);
		batch[count++] = (struct iovec){ p->bytes, p->len };
	}
	if (count == 0)
		return 0;
	taken = volley_send(t->volley, t->lanes->list[first->lane].fd[0], batch, count, &refused);
	for (size_t n = count; n > taken; n--)
		t->numbers[t->packets.list[(t->next + n - 1) % t->packets.count].tunnel]--;
	t->next = (t->next + taken) % t->packets.count;
	m->ret->sent += taken - refused;
	m->ret->refused += refused;
	m->pace.sent += taken;
	return taken;
}

static uint64_t
under_way(const struct measurement *m)
{
	uint64_t back = m->ret->received + m->written_off;

	return m->ret->sent > back ? m->ret->sent - back : 0;
}

/* Whether it would send more, if there were room. */
static bool
send_due(struct measurement *m)
{
	uint64_t now_ns = clock_now().mono_ns, due = pace_due(&m->pace, under_way(m), now_ns);

	for (size_t sent = 0; due > 0 && sent < VOLLEY_BATCH;) {
		size_t n = send_some(m, due, now_ns);

		if (n == 0)
			return false;
		sent += n;
		due -= n < due ? n : due;
	}
	return due > 0;
}

/* ---- receiving ---- */

/* Of a packet's first bytes, without its shroud. */
static void
take(struct measurement *m, struct iovec first, uint64_t now_ns)
{
	struct traffic_result *ret = m->ret;
	struct offer_header offer;
	struct mark mark;

	if (!mark_read(&mark, first.iov_base, first.iov_len)) {
		if (offer_header_decode(&offer, first.iov_base, first.iov_len) &&
		    offer.magic == MAGIC_KATEDRAL)
			ret->answers++;
		else
			ret->strays++;
		return;
	}
	if (mark.run != m->run || mark.tunnel >= m->t->wish.tunnels) {
		ret->strays++;
		return;
	}
	if (!tally_take(&m->t->tallies[mark.tunnel], mark.number))
		return;
	ret->received++;
	/* Without what its shroud may have put behind it. */
	ret->bytes += m->t->wish.sizes[mark.tunnel % m->t->wish.size_count];
	histogram_add(&ret->latency, now_ns > mark.sent_ns ? now_ns - mark.sent_ns : 0);
}

/* Several at a time, since their masks are made side by side. */
static void
take_shrouded(struct measurement *m, size_t lane, size_t count, uint64_t now_ns)
{
	uint8_t first[PEEK_MANY][PEEK_SIZE];
	struct iovec some[PEEK_MANY];

	for (size_t n = 0; n < count;) {
		size_t many = 0;

		for (; n < count && many < PEEK_MANY; n++) {
			some[many] = volley_packet(m->t->volley, n);
			if (some[many].iov_len < SHROUD_HEADER_SIZE + PEEK_SIZE)
				m->ret->strays++;
			else
				many++;
		}
		peek_many(first, &m->t->masks[lane], some, many);
		for (size_t i = 0; i < many; i++)
			take(m, (struct iovec){ first[i], PEEK_SIZE }, now_ns);
	}
}

static void
take_all(struct measurement *m, size_t lane, size_t count, uint64_t now_ns)
{
	if (m->t->wish.shroud) {
		take_shrouded(m, lane, count, now_ns);
		return;
	}
	for (size_t n = 0; n < count; n++)
		take(m, volley_packet(m->t->volley, n), now_ns);
}

static void
note_silence(struct measurement *m, uint64_t now_ns)
{
	uint64_t silence_ns = now_ns - m->heard_ns;

	if (silence_ns > m->ret->silence_ns)
		m->ret->silence_ns = silence_ns;
}

/* Whatever has come; from the sending side only answers to offers, which nobody waits for. */
static void
receive_some(struct measurement *m, uint64_t until_ns)
{
	uint32_t ready[2 * LANES_MAX];
	struct traffic *t = m->t;
	size_t count = lanes_wait(t->lanes, ready, 2 * LANES_MAX, clock_now().mono_ns, until_ns);

	for (size_t r = 0; r < count; r++) {
		size_t lane = ready[r] / 2;
		uint64_t before = m->ret->received, now_ns;
		size_t n = volley_receive(t->volley, t->lanes->list[lane].fd[ready[r] % 2]);

		now_ns = clock_now().mono_ns;
		if (ready[r] % 2 == 1)
			take_all(m, lane, n, now_ns);
		if (m->ret->received == before)
			continue;
		if (now_ns < m->pace.end_ns)
			note_silence(m, now_ns);
		m->heard_ns = now_ns;
	}
}

/* With a window, those that are lost must not close it for ever. */
static void
write_off(struct measurement *m, uint64_t now_ns)
{
	uint64_t last_ns = m->heard_ns > m->written_off_ns ? m->heard_ns : m->written_off_ns;

	if (now_ns <= last_ns + SILENCE_NS)
		return;
	m->written_off += under_way(m);
	m->written_off_ns = now_ns;
}

/* All are back, or no more can be waited for. */
static bool
is_over(const struct measurement *m, uint64_t now_ns)
{
	uint64_t last_ns = m->heard_ns > m->pace.end_ns ? m->heard_ns : m->pace.end_ns;

	if (now_ns < m->pace.end_ns)
		return false;
	return m->ret->received >= m->ret->sent || now_ns > last_ns + LATE_NS;
}

/* When there is something to do again, if nothing comes: to send, or to give up what is lost. */
static uint64_t
wake_ns(const struct measurement *m, uint64_t now_ns)
{
	if (now_ns < m->pace.end_ns)
		return pace_next_ns(&m->pace, now_ns);
	return now_ns + SILENCE_NS;
}

/* ---- in turns ---- */

void
traffic_begin(struct traffic *t, struct pace pace, uint64_t run_ns, struct traffic_result *ret)
{
	uint64_t now_ns = clock_now().mono_ns;

	memset(ret, 0, sizeof(*ret));
	memset(t->tallies, 0, t->wish.tunnels * sizeof(t->tallies[0]));
	memset(t->numbers, 0, t->wish.tunnels * sizeof(t->numbers[0]));
	pace.start_ns = now_ns;
	pace.end_ns = now_ns + run_ns;
	pace.sent = 0;
	t->now = (struct measurement){
		.t = t,
		.pace = pace,
		.run = (uint32_t)random_u64(t->random),
		.begun_ns = now_ns,
		.before = spent_now(),
		.heard_ns = now_ns,
		.ret = ret,
	};
}

uint64_t
traffic_turn(void *traffic, uint64_t now_ns)
{
	struct measurement *m = &((struct traffic *)traffic)->now;
	bool more = send_due(m);

	receive_some(m, now_ns);
	write_off(m, now_ns);
	return more ? now_ns : wake_ns(m, now_ns);
}

void
traffic_stop(struct traffic *t)
{
	t->now.pace.end_ns = clock_now().mono_ns;
}

struct traffic_order
traffic_order(const struct traffic *t)
{
	struct traffic_order ret = { 0 };

	for (uint64_t n = 0; n < t->wish.tunnels; n++) {
		ret.missing += t->tallies[n].highest - t->tallies[n].received;
		ret.duplicates += t->tallies[n].duplicates;
		ret.reordered += t->tallies[n].reordered;
		ret.unheard += t->tallies[n].received == 0;
	}
	return ret;
}

void
traffic_end(struct traffic *t)
{
	struct measurement *m = &t->now;
	struct traffic_result *ret = m->ret;
	struct traffic_order order = traffic_order(t);

	if (ret->received > 0 && m->heard_ns < m->pace.end_ns)
		note_silence(m, m->pace.end_ns);
	ret->run_ns = m->heard_ns - m->begun_ns;
	ret->lost = ret->sent - ret->received;
	ret->duplicates = order.duplicates;
	ret->reordered = order.reordered;
	ret->spent = spent_since(&m->before);
}

void
traffic_run(struct traffic *t, struct pace pace, uint64_t run_ns, const struct traffic_aside *aside,
    struct traffic_result *ret)
{
	struct measurement *m = &t->now;
	uint64_t aside_ns = 0, now_ns;

	traffic_begin(t, pace, run_ns, ret);
	now_ns = m->begun_ns;
	while (!stop_asked() && !is_over(m, now_ns)) {
		bool more = send_due(m);
		uint64_t until_ns = more ? now_ns : wake_ns(m, now_ns);

		if (aside != NULL && now_ns >= aside_ns)
			aside_ns = aside->turn(aside->arg, now_ns);
		if (aside != NULL && aside_ns < until_ns)
			until_ns = aside_ns;
		/* When it is not to be told how long packets take, none of them needs to wake it.
		 */
		if (pace.rate == 0 && !more && now_ns < m->pace.end_ns) {
			lanes_pause(PAUSE_NS);
			until_ns = now_ns;
		}
		receive_some(m, until_ns);
		now_ns = clock_now().mono_ns;
		write_off(m, now_ns);
	}
	traffic_end(t);
}
