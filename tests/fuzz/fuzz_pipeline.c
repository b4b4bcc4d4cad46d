/* SPDX-License-Identifier: ISC */
/*
 * A whole cathedral: the input is a list of steps of eight bytes, most of which are packets.  Those
 * of devices and of the other cathedral are built from fields, sealed and signed, so that inputs
 * get behind the cryptography; raw bytes come as well, and what came once comes again.
 *
 * For every input: each packet has one verdict and is counted once; nothing goes to where no
 * accepted offer came from; a known tunnel's new address gets no more bytes of answers than it sent
 * until its second offer; and in the end everything expires and every quota is whole.
 */
#include "protocol/crypto/kdf.h"
#include "protocol/envelope.h"
#include "protocol/sealed_letter.h"
#include "protocol/wire/cursor.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fuzz_site.h"

#include <string.h>

#define STEP_SIZE 8
#define STEPS_MAX 64

static struct fuzz_site *f;

struct step {
	uint8_t kind, who, where, a, b, c, d, e;
};

static const struct fuzz_about nothing_known;

/*
 * where: three bits say from which place (the device's own when the fourth is set), then NAT port,
 * then whether the packet waits for others, then whether it comes from port 0.
 */
static void
post(const struct step *s, const struct fuzz_about *about, unsigned home,
    const struct device_packet *packet)
{
	struct fuzz_packet *kept = fuzz_site_keep(f);

	kept->about = *about;
	kept->from = f->places[s->where & 8 ? home : s->where & 7].at;
	kept->listener = s->who >> 7;
	kept->nat_port = (s->where & 16) != 0;
	kept->len = packet->len;
	memcpy(kept->bytes, packet->bytes, packet->len);
	if ((s->where & 0xc0) == 0xc0)
		kept->from.port = 0;
	fuzz_site_put(f, kept, (s->where & 32) != 0);
}

static unsigned
device_of(const struct step *s)
{
	return (s->who & 7) % FUZZ_DEVICES;
}

static unsigned
partner_of(const struct step *s)
{
	return s->who >> 3 & 1;
}

/* The device as the step has it: in one of four domains, with one of the others or with itself. */
static struct device *
choose(const struct step *s, struct device_moment *m)
{
	struct device *d = &f->devices[device_of(s)][partner_of(s)][s->who >> 7];
	const struct device *peer =
	    &f->devices[(s->c >> 4) % FUZZ_DEVICES][partner_of(s)][s->who >> 7];
	uint8_t domain = s->who >> 5 & 3;

	d->config.flock = flock_with_domain(d->config.flock, domain);
	d->config.flock_dst = flock_with_domain(d->config.flock_dst, domain);
	d->config.tunnel =
	    tunnel_between(tunnel_own(d->config.tunnel), tunnel_own(peer->config.tunnel));
	m->now = fuzz_site_now(f);
	m->random = &f->random;
	return d;
}

/* Wrong in one of several ways, or, mostly, not at all. */
static void
tamper(const struct step *s, struct device *d, struct offer_header *h)
{
	const struct device_keys *others = &f->devices[(s->e >> 4) % FUZZ_DEVICES][0][0].keys;

	switch (s->e & 15) {
	case 1:
		d->keys.cosk = others->cosk;
		break;
	case 2:
		d->keys.cs = others->cs;
		break;
	case 3:
		h->spi = s->d;
		break;
	case 4:
		h->flock_dst.value ^= 1;
		break;
	case 5:
		h->flock_src.value ^= 0x100;
		break;
	case 6:
		h->flock_dst.value = s->d;
		break;
	default:
		break;
	}
}

static void
post_offer(const struct step *s, uint64_t magic, struct offer *o)
{
	struct device_moment m;
	struct device *d = choose(s, &m);
	struct offer_header h = {
		.magic = magic,
		.flock_src = d->config.flock,
		.flock_dst = d->config.flock_dst,
		.spi = d->config.id.value,
	};
	struct device_keys keys = d->keys;
	struct device_packet packet;
	struct fuzz_about about = {
		.what = FUZZ_TUNNEL,
		.key = tunnel_key(h.flock_src, h.flock_dst, o->info.tunnel),
		.device = d->config.id,
	};

	if (o->type == OFFER_LITURGY) {
		h.flock_dst.value = 0;
		about.what = FUZZ_LITURGY;
		about.number = o->liturgy.id;
		about.signalling = (o->liturgy.flags & LITURGY_SIGNALLING) != 0;
	}
	tamper(s, d, &h);
	device_make_offer(d, &m, &h, o, &packet);
	d->keys = keys;
	post(s, &about, device_of(s), &packet);
}

static uint64_t
timestamp(const struct step *s)
{
	return (uint64_t)(fuzz_site_now(f).wall_s + (int8_t)(s->b & 0xf8) / 8);
}

static uint32_t
spi_of(const struct device *d, uint8_t low)
{
	return low == 0 ? 0 : (uint32_t)d->config.tunnel.value << 16 | low;
}

static struct offer
info_of(const struct step *s)
{
	struct device_moment m;
	const struct device *d = choose(s, &m);
	struct offer o = { .type = OFFER_INFO, .timestamp = timestamp(s) };

	o.info.flags = s->a & 3;
	o.info.tunnel = d->config.tunnel;
	o.info.instance = s->a >> 2 & 3;
	o.info.ambry_generation =
	    s->a & 16 ? f->variants[s->a >> 5 & 1].flocks[0]->ambries.bundle.head.generation : 0;
	o.info.rx_active = spi_of(d, s->c & 15);
	o.info.rx_pending = spi_of(d, s->d);
	if (s->a & 128)
		o.info.tunnel = tunnel_reverse(o.info.tunnel);
	return o;
}

static struct offer
liturgy_of(const struct step *s)
{
	struct device_moment m;
	const struct device *d = choose(s, &m);
	struct offer o = { .type = OFFER_LITURGY, .timestamp = timestamp(s) };

	o.liturgy.id = s->a & 128 ? s->d : tunnel_own(d->config.tunnel);
	o.liturgy.flags = s->a & 3;
	o.liturgy.hidden = s->a >> 2 & 1;
	o.liturgy.group = s->a >> 3 & 3;
	memset(o.liturgy.peers, s->d & 1, sizeof(o.liturgy.peers));
	return o;
}

static void
step_offer(const struct step *s)
{
	struct offer o = s->kind & 1 ? liturgy_of(s) : info_of(s);

	if (s->kind == 2)
		o.type = (enum offer_type)(2 + s->d % 6);
	post_offer(s, s->where & 16 ? MAGIC_CIBORIUM : MAGIC_KATEDRAL, &o);
}

static void
step_relayed(const struct step *s)
{
	static const uint8_t body[1900];
	struct device_moment m;
	struct device *d = choose(s, &m);
	struct device_exchange x = { .new_spi = spi_of(d, s->a), .body = body };
	size_t len = (size_t)s->b * 7;
	struct device_packet packet;

	if (s->kind & 1) {
		x.len = len;
		fuzz_expect(device_make_sacrament(d, &m, &x, &packet));
	} else {
		d->tx_spi = (uint32_t)tunnel_reverse(d->config.tunnel).value << 16 | s->a;
		fuzz_expect(device_make_data(d, &m, body, len, &packet));
	}
	post(s, &nothing_known, device_of(s), &packet);
}

static void
shroud_of_cathedrals(struct device_packet *packet)
{
	const struct registry *r = publish_current(f->c->site->publish);
	uint8_t *body = packet->bytes + SHROUD_HEADER_SIZE;
	struct kmac_job job;

	memmove(body, packet->bytes, packet->len);
	body[packet->len++] = 0xff;
	random_bytes(&f->random, packet->bytes, SHROUD_HEADER_SIZE);
	job = shroud_job(&registry_federation(r)->mask, packet->bytes, body, packet->len);
	kmac_mask(&job, 1);
	packet->len += SHROUD_HEADER_SIZE;
}

/* What the other cathedral says about a device; under its shroud on the shrouded listener. */
static void
step_told(const struct step *s)
{
	struct device_moment m;
	struct device *d = choose(s, &m);
	struct offer o = s->kind & 1 ? liturgy_of(s) : info_of(s);
	struct offer_header h = { .magic = MAGIC_CATACOMB,
		d->config.flock,
		d->config.flock_dst,
		d->config.id.value,
		{ 0 } };
	struct device_keys keys = d->keys;
	struct device_packet packet;
	struct offer_key key;
	struct envelope e;

	if (s->e & 128) {
		o = (struct offer){ .type = OFFER_P2P_INFO, .timestamp = timestamp(s) };
		o.p2p.tunnel = d->config.tunnel;
		o.p2p.port = s->d;
		o.p2p.flags = s->a & 1;
	}
	tamper(s, d, &h);
	random_bytes(&f->random, h.seed, sizeof(h.seed));
	offer_key_catacomb(&key, &f->w->secret, h.seed, h.flock_src);
	envelope_signed(&e, &o, &d->keys.cosk);
	d->keys = keys;
	packet.len = OFFER_SIZE;
	envelope_seal(packet.bytes, &h, &e, &key);
	if (s->who >> 7 == 0)
		shroud_of_cathedrals(&packet);
	post(s, &nothing_known, FUZZ_OTHER_CATHEDRAL, &packet);
}

/*
 * A letter of the other cathedral: a hello, or a page with something about a device, as often as it
 * fits or b says, and then raw bytes.
 */
static void
step_letter(const struct step *s, struct cursor *in)
{
	struct letter_header h = { .version = LETTER_VERSION, .kind = s->a & 3 };
	struct letter_head head = { timestamp(s), s->a >> 2 & 7 };
	struct offer o = s->where & 128 ? liturgy_of(s) : info_of(s);
	struct device_moment m;
	const struct device *d = choose(s, &m);
	struct letter_leaf leaf = { d->config.flock, d->config.flock_dst, d->config.id, true, { 0 },
		{ 0 } };
	size_t raw = s->d % 64 < in->left ? s->d % 64 : in->left;
	struct device_packet packet;
	struct envelope e;
	struct writer w = writer_over(packet.bytes + LETTER_HEADER_SIZE, LETTER_BODY_MAX);

	envelope_signed(&e, &o, &d->keys.cosk);
	memcpy(leaf.data, e.data, sizeof(leaf.data));
	memcpy(leaf.extra, e.extra, sizeof(leaf.extra));
	letter_head_write(&w, &head);
	for (unsigned n = 0; n < s->e % 8u && w.left >= LETTER_LEAF_MAX; n++)
		letter_leaf_write(&w, &leaf);
	writer_put(&w, in->at, raw);
	cursor_skip(in, raw);
	fuzz_expect(!w.failed);
	random_bytes(&f->random, h.seed, sizeof(h.seed));
	packet.len = sealed_letter_make(packet.bytes, &h, LETTER_BODY_MAX - w.left, &f->w->secret);
	if (s->who >> 7 == 0)
		shroud_of_cathedrals(&packet);
	post(s, &nothing_known, FUZZ_OTHER_CATHEDRAL, &packet);
}

/* Any bytes, as they are or under the device's shroud. */
static void
step_raw(const struct step *s, struct cursor *in)
{
	size_t len = (size_t)s->a << 8 | s->b;
	struct device_moment m;
	struct device *d = choose(s, &m);
	struct device_packet packet;

	len = len % 1700 < in->left ? len % 1700 : in->left;
	if (s->kind & 1) {
		fuzz_expect(device_make_raw(d, &m, in->at, len, &packet));
	} else {
		packet.len = len;
		if (len > 0)
			memcpy(packet.bytes, in->at, len);
	}
	post(s, &nothing_known, device_of(s), &packet);
	cursor_skip(in, len);
}

static void
step_again(const struct step *s)
{
	struct fuzz_packet again = f->kept[s->a % FUZZ_KEPT];

	if (again.from.port == 0)
		return;
	if (!(s->where & 8))
		again.from = f->places[s->where & 7].at;
	if (again.len > 0)
		again.bytes[s->b * again.len / 256] ^= s->c;
	fuzz_site_put(f, &again, (s->where & 32) != 0);
}

static void
step_time(const struct step *s)
{
	static const uint64_t units[] = { NS_PER_MS, 100 * NS_PER_MS, NS_PER_S, 5 * NS_PER_S };

	f->w->now_ns += s->a * units[s->b & 3];
	if (s->c & 2)
		fuzz_site_tick(f);
	if (s->c & 1)
		site_sweep(f->c->site, fuzz_site_now(f).mono_ns);
}

static void
run_step(const struct step *s, struct cursor *in)
{
	if (s->kind >= 10)
		fuzz_site_flush(f);
	switch (s->kind) {
	case 0:
	case 1:
	case 2:
		step_offer(s);
		break;
	case 3:
		step_again(s);
		break;
	case 4:
	case 5:
		step_relayed(s);
		break;
	case 6:
	case 7:
		step_told(s);
		break;
	case 8:
	case 9:
		step_raw(s, in);
		break;
	case 10:
		fuzz_site_publish(f, s->a);
		break;
	case 11:
		fuzz_site_scan(f);
		break;
	case 13:
		step_letter(s, in);
		break;
	default:
		step_time(s);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor in = cursor_over(data, len);

	f = fuzz_site_begin();
	for (unsigned n = 0; n < STEPS_MAX && in.left >= STEP_SIZE; n++) {
		struct step s;

		cursor_take(&in, &s, sizeof(s));
		s.kind %= 14;
		run_step(&s, &in);
		/* The scanner is there unless it is told to rest for this step. */
		if (!(s.where & 64) && f->waiting == 0)
			fuzz_site_scan(f);
	}
	fuzz_site_flush(f);
	fuzz_site_scan(f);
	fuzz_site_end(f);
	return 0;
}
