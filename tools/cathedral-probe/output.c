/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-probe/output.h"

#include "base/hex.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>

static void
set(json_t *members, const char *key, json_t *value)
{
	json_object_set_new(members, key, value);
}

static void
set_endpoint(json_t *members, const char *key, const struct endpoint *e)
{
	char text[ENDPOINT_TEXT];

	set(members, key, json_string(endpoint_format(e, text)));
}

/* One member as people read it. */
static void
print_value(const char *key, const json_t *value)
{
	const json_t *item;
	size_t i;

	printf(" %s=", key);
	switch (json_typeof(value)) {
	case JSON_STRING:
		fputs(json_string_value(value), stdout);
		break;
	case JSON_INTEGER:
		printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		printf("%.3f", json_real_value(value));
		break;
	case JSON_ARRAY:
		json_array_foreach(value, i, item)
		    printf("%s%s", i > 0 ? "," : "", json_string_value(item));
		break;
	case JSON_OBJECT:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		fputs(json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-", stdout);
		break;
	}
}

static void
print_line(const struct output *o, const char *who, const char *event, json_t *members,
    const struct device_moment *m)
{
	double after_s = (double)(m->now.mono_ns - o->start_ns) / (double)NS_PER_S;
	const char *key;
	json_t *value, *line;

	if (o->json) {
		line = json_pack("{s:I, s:f, s:s, s:s}", "time", (json_int_t)m->now.wall_s, "after",
		    after_s, "device", who, "event", event);
		json_object_update(line, members);
		json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
		json_decref(line);
	} else {
		printf("%9.3f %-6s %-11s", after_s, who, event);
		json_object_foreach(members, key, value) print_value(key, value);
	}
	putchar('\n');
	/* Whoever watches through a pipe wants to see it now. */
	fflush(stdout);
}

void
output_event(const struct output *o, const struct probe *p, const char *event, json_t *members,
    const struct device_moment *m)
{
	if (!o->quiet)
		print_line(o, p->name, event, members, m);
	json_decref(members);
}

void
output_summary(
    const struct output *o, const char *who, json_t *members, const struct device_moment *m)
{
	print_line(o, who, "summary", members, m);
	json_decref(members);
}

static void
describe_info(json_t *to, const struct device_event *ev)
{
	set(to, "relayed", json_boolean(ev->info.relayed));
	set_endpoint(to, "peer", &ev->info.peer);
	set_endpoint(to, "local", &ev->info.local);
	set(to, "same_address", json_boolean(ev->info.same_address));
}

/* Both ends of a tunnel can compare this; nobody can compute the secret from it. */
static json_t *
fingerprint(const struct tunnel_secret *secret)
{
	uint8_t hash[32];
	char text[2 * sizeof(hash) + 1];

	crypto_generichash(hash, sizeof(hash), secret->bytes, sizeof(secret->bytes), NULL, 0);
	return json_string(hex_encode(text, hash, sizeof(hash)));
}

static void
describe_ambry(json_t *to, const struct probe *p, const struct device_event *ev)
{
	time_t ends = (time_t)bundle_ends(ev->ambry.expires);
	char text[32];
	struct tm utc;

	gmtime_r(&ends, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	set(to, "generation", json_sprintf("%08" PRIx32, ev->ambry.generation));
	set(to, "expires", json_string(text));
	set(to, "opened",
	    p->device.keys.has_kek ? json_boolean(ev->ambry.opened) : json_string("no KEK given"));
	if (ev->ambry.opened)
		set(to, "secret_blake2b", fingerprint(&p->device.secret));
}

static void
describe_liturgy(json_t *to, const struct device_event *ev)
{
	json_t *peers = json_array();

	for (unsigned n = KEK_NUMBER_MIN; n <= KEK_NUMBER_MAX; n++)
		if (kek_set_has(&ev->liturgy.peers, (uint8_t)n))
			json_array_append_new(peers, json_sprintf("%02x", n));
	set(to, "group", json_sprintf("%04x", ev->liturgy.group));
	set(to, "peers", peers);
}

static void
describe_remembrance(json_t *to, const struct device_event *ev)
{
	json_t *cathedrals = json_array();

	for (size_t i = 0; i < ev->remembrance.count; i++) {
		struct endpoint e = endpoint_from_ipv4(
		    ev->remembrance.cathedrals[i].ip, ev->remembrance.cathedrals[i].port);
		char text[ENDPOINT_TEXT];

		json_array_append_new(cathedrals, json_string(endpoint_format(&e, text)));
	}
	set(to, "cathedrals", cathedrals);
}

static void
describe(json_t *to, const struct probe *p, const struct device_event *ev)
{
	switch (ev->kind) {
	case DEVICE_INFO:
		describe_info(to, ev);
		break;
	case DEVICE_AMBRY:
		describe_ambry(to, p, ev);
		break;
	case DEVICE_LITURGY:
		describe_liturgy(to, ev);
		break;
	case DEVICE_REMEMBRANCE:
		describe_remembrance(to, ev);
		break;
	case DEVICE_DATA:
		set(to, "direct", json_boolean(ev->direct));
		set(to, "bytes", json_integer((json_int_t)ev->data.len));
		break;
	case DEVICE_SACRAMENT:
		set(to, "spi", json_sprintf("%08" PRIx32, ev->sacrament.header.spi));
		set(to, "bytes", json_integer((json_int_t)ev->sacrament.len));
		break;
	case DEVICE_WRONG_SOURCE:
	case DEVICE_BAD_SHROUD:
	case DEVICE_BAD_KIND:
	case DEVICE_BAD_SEAL:
	case DEVICE_WRONG_ID:
	case DEVICE_STALE:
	case DEVICE_BAD_OFFER:
	case DEVICE_WRONG_TUNNEL:
	case DEVICE_WRONG_SPI:
	case DEVICE_EVENT_KINDS:
		set(to, "why", json_string(device_event_name(ev->kind)));
		break;
	}
}

void
output_received(const struct output *o, const struct probe *p, const struct device_event *ev,
    const struct device_moment *m)
{
	json_t *members;

	if (o->quiet)
		return;
	members = json_object();
	describe(members, p, ev);
	output_event(
	    o, p, device_refused(ev->kind) ? "refused" : device_event_name(ev->kind), members, m);
}

void
output_moved(const struct output *o, const struct probe *p, const struct device_moment *m)
{
	json_t *members = json_object();

	set_endpoint(members, "cathedral", device_cathedral(&p->device));
	output_event(o, p, "moved", members, m);
}

void
output_start(const struct output *o, const struct probe *p, const struct device_moment *m)
{
	const struct device *d = &p->device;
	json_t *members = json_object();

	set_endpoint(members, "local", &p->local);
	set_endpoint(members, "cathedral", device_cathedral(d));
	set(members, "shroud", json_boolean(d->config.shroud));
	set(members, "flock", json_sprintf("%016" PRIx64, d->config.flock.value));
	set(members, "flock_dst", json_sprintf("%016" PRIx64, d->config.flock_dst.value));
	set(members, "id", json_sprintf("%08" PRIx32, d->config.id.value));
	set(members, "tunnel", json_sprintf("%04x", d->config.tunnel.value));
	set(members, "rx_spi", json_sprintf("%08" PRIx32, d->rx_active));
	set(members, "tx_spi", json_sprintf("%08" PRIx32, d->tx_spi));
	output_event(o, p, "start", members, m);
}

bool
output_flush(void)
{
	return fflush(stdout) == 0 && ferror(stdout) == 0;
}
