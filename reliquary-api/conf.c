/* SPDX-License-Identifier: ISC */
#include "reliquary-api/conf.h"

#include "base/hex.h"

#include <stdio.h>
#include <string.h>

/* They are read into as what they are in the table. */
_Static_assert(sizeof(((struct server_options *)NULL)->tls_cert) == CONF_TEXT_MAX &&
		   sizeof(((struct server_options *)NULL)->tls_key) == CONF_TEXT_MAX,
    "paths have the room that options have");

static bool
parse_admin(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct api_conf *c = conf;
	struct endpoint e = { .port = 0 };

	if (count != 1)
		return fault_set(why, "is written \"admin ADDRESS:PORT\" or \"admin off\"");
	if (strcmp(words[0], "off") != 0) {
		if (!endpoint_parse(&e, words[0]) || e.port == 0)
			return fault_set(why, "\"%s\" is neither ADDRESS:PORT nor off", words[0]);
		if (!endpoint_is_loopback(&e))
			return fault_set(
			    why, "\"%s\" is not a loopback address (127.0.0.1, ::1)", words[0]);
	}
	c->admin = e;
	c->admin_given = true;
	return true;
}

static bool
parse_proxy(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct server_options *s = &((struct api_conf *)conf)->server;
	struct endpoint e;

	if (count != 1 || !endpoint_parse_ip(&e, words[0]))
		return fault_set(why, "is written \"trusted_proxy ADDRESS\"");
	if (s->proxy_count == SERVER_PROXIES_MAX)
		return fault_set(why, "more than %d of them", SERVER_PROXIES_MAX);
	s->proxies[s->proxy_count++] = e;
	return true;
}

static bool
parse_registration(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct settings *s = &((struct api_conf *)conf)->settings;

	for (int r = REGISTRATION_POW; count == 1 && r <= REGISTRATION_CLOSED; r++) {
		if (strcmp(words[0], registration_name(r)) == 0) {
			s->registration = r;
			return true;
		}
	}
	return fault_set(why, "is one of pow, open, invite and closed");
}

static bool
parse_log_level(void *conf, char *const *words, size_t count, struct fault *why)
{
	return conf_read_log_level(&((struct api_conf *)conf)->log_level, words, count, why);
}

#define RATE_MAX 1000000

/* N/minute [burst N] */
static bool
parse_rate(struct rate *ret, char *const *words, size_t count, struct fault *why)
{
	char number[16];
	uint64_t rate, burst;
	size_t digits;

	if (count == 1 && strcmp(words[0], "off") == 0) {
		*ret = (struct rate){ 0 };
		return true;
	}
	if ((count != 1 && count != 3) || (count == 3 && strcmp(words[1], "burst") != 0))
		return fault_set(why, "is written \"N/minute [burst N]\" or \"off\"");
	digits = strspn(words[0], "0123456789");
	if (digits >= sizeof(number) || strcmp(words[0] + digits, "/minute") != 0)
		return fault_set(why, "\"%s\" is not N/minute", words[0]);
	memcpy(number, words[0], digits);
	number[digits] = '\0';
	if (!decimal_u64(&rate, number, RATE_MAX) || rate == 0)
		return fault_set(why, "\"%s\" is not within 1 to %d a minute", words[0], RATE_MAX);
	burst = rate;
	if (count == 3 && (!decimal_u64(&burst, words[2], RATE_MAX) || burst == 0))
		return fault_set(
		    why, "a burst of \"%s\" is not within 1 to %d", words[2], RATE_MAX);
	*ret = (struct rate){ .per_minute = (uint32_t)rate, .burst = (uint32_t)burst };
	return true;
}

#define PARSE_RATE(name, class)                                                                    \
	static bool name(void *conf, char *const *words, size_t count, struct fault *why)          \
	{                                                                                          \
		return parse_rate(&((struct api_conf *)conf)->rates[class], words, count, why);    \
	}

PARSE_RATE(parse_rate_request, RATE_REQUEST)
PARSE_RATE(parse_rate_register, RATE_REGISTER)
PARSE_RATE(parse_rate_login, RATE_LOGIN)
PARSE_RATE(parse_rate_join, RATE_JOIN)
PARSE_RATE(parse_rate_wrong_token, RATE_WRONG_TOKEN)

#define FIELD(name)          .offset = offsetof(struct api_conf, name)
#define PARSE(function)      .type = CONF_PARSE, .parse = (function)
#define TEXT(name)           .type = CONF_TEXT, FIELD(name)
#define PATH(name)           .type = CONF_PATH, FIELD(name)
#define FLAG(name)           .type = CONF_FLAG, FIELD(name)
#define UINT(name, from, to) .type = CONF_UINT, FIELD(name), .min = (from), .max = (to)
#define TIME(name, from, to) .type = CONF_TIME, FIELD(name), .min = (from), .max = (to)
#define SIZE(name, from, to) .type = CONF_SIZE, FIELD(name), .min = (from), .max = (to)

#define HOUR  3600
#define DAY   (24 * HOUR)
#define YEARS (3650 * DAY)

/* clang-format off */
const struct conf_option api_conf_table[] = {
	{ "data", PATH(data), .fallback = "/var/lib/reliquary", .arguments = "FOLDER",
	    .help = "database, key file and bundles; made when it is not there" },
	{ "key_file", PATH(key_file), .arguments = "FILE",
	    .help = "the key file, when it is not FOLDER/key" },
	{ "listen", .type = CONF_ENDPOINT, FIELD(server.listen), .fallback = "127.0.0.1:8080",
	    .arguments = "ADDRESS:PORT", .help = "where tenants reach it" },
	{ "admin", PARSE(parse_admin), .arguments = "ADDRESS:PORT|off",
	    .help = "/healthz, /readyz and /metrics, on a loopback address; 127.0.0.1:9080" },
	{ "tls_cert", PATH(server.tls_cert), .arguments = "FILE",
	    .help = "certificate chain (PEM) to serve HTTPS with" },
	{ "tls_key", PATH(server.tls_key), .arguments = "FILE", .help = "its private key (PEM)" },
	{ "trusted_proxy", PARSE(parse_proxy), .repeats = true, .arguments = "ADDRESS",
	    .help = "a proxy whose X-Forwarded-For is believed" },
	{ "user", TEXT(user), .arguments = "NAME", .help = "the user to become" },
	{ "sandbox", FLAG(sandbox), .fallback = "yes", .arguments = "yes|no",
	    .help = "filter system calls" },
	{ "log_level", PARSE(parse_log_level), .fallback = "info", .arguments = "LEVEL",
	    .help = "error, warning, info or debug" },

	{ "registration", PARSE(parse_registration), .fallback = "pow",
	    .arguments = "pow|open|invite|closed", .help = "who gets an account" },
	{ "account_life", TIME(settings.account_s, 60, YEARS), .fallback = "24h",
	    .arguments = "TIME", .help = "of a new account, until it is extended" },
	{ "account_extension", TIME(settings.extension_s, 60, YEARS), .fallback = "31d",
	    .arguments = "TIME", .help = "how long an account lives from when it is extended" },
	{ "account_flocks", UINT(settings.account_flocks, 0, 1000000), .fallback = "3",
	    .arguments = "COUNT", .help = "flocks that a new account may have" },
	{ "account_grace", TIME(account_grace_s, 0, YEARS), .fallback = "30d", .arguments = "TIME",
	    .help = "after its end, until an account is deleted with all it has" },
	{ "device_mbit", UINT(settings.device_mbit, 1, 100000), .fallback = "25",
	    .arguments = "MBIT", .help = "a second, that a device of a new account may use" },
	{ "tokens_max", UINT(settings.tokens_most, 1, 10000), .fallback = "64",
	    .arguments = "COUNT", .help = "tokens of an account" },
	{ "token_unused", TIME(settings.token_unused_s, DAY, YEARS), .fallback = "30d",
	    .arguments = "TIME", .help = "after which a token dies that nobody uses" },
	{ "pending_max", UINT(settings.joins_most, 1, 10000), .fallback = "64",
	    .arguments = "COUNT", .help = "devices of a flock that wait for approval" },
	{ "pending_life", TIME(settings.join_s, 60, YEARS), .fallback = "72h",
	    .arguments = "TIME", .help = "how long they wait" },
	{ "pending_total", UINT(joins_total, 100, 100000000), .fallback = "100000",
	    .arguments = "COUNT", .help = "devices of all that wait; then those of no flock go first" },
	{ "enrolments_max", UINT(settings.enrolments_most, 1, 10000), .fallback = "32",
	    .arguments = "COUNT", .help = "enrolment keys of a flock" },
	{ "xflocks_max", UINT(settings.xflocks_most, 1, 10000), .fallback = "64",
	    .arguments = "COUNT", .help = "agreements of a flock with others" },
	{ "repeat_life", TIME(settings.repeat_s, 60, 365 * DAY), .fallback = "24h",
	    .arguments = "TIME", .help = "how long an answer is kept for the same Idempotency-Key" },
	{ "events_kept", TIME(event_s, HOUR, YEARS), .fallback = "90d", .arguments = "TIME",
	    .help = "how long accounts can look back at what was done" },
	{ "page_max", UINT(settings.page_most, 1, 10000), .fallback = "1000",
	    .arguments = "COUNT", .help = "of a list, in one answer" },

	{ "rate_request", PARSE(parse_rate_request), .fallback = "6000/minute burst 2000",
	    .arguments = "N/minute [burst N]|off", .help = "requests from one source" },
	{ "rate_register", PARSE(parse_rate_register), .fallback = "10/minute burst 20",
	    .arguments = "N/minute [burst N]|off", .help = "registrations from one source" },
	{ "rate_login", PARSE(parse_rate_login), .fallback = "30/minute burst 60",
	    .arguments = "N/minute [burst N]|off", .help = "logins from one source" },
	{ "rate_join", PARSE(parse_rate_join), .fallback = "120/minute burst 240",
	    .arguments = "N/minute [burst N]|off", .help = "devices that ask to join from one source" },
	{ "rate_wrong_token", PARSE(parse_rate_wrong_token), .fallback = "60/minute burst 60",
	    .arguments = "N/minute [burst N]|off", .help = "wrong tokens from one source" },
	{ "pow_bits", UINT(pow_bits, 0, API_POW_BITS_MAX), .fallback = "22", .arguments = "BITS",
	    .help = "of work for a registration; each one doubles it" },
	{ "pow_bits_max", UINT(pow_bits_most, 0, API_POW_BITS_MAX), .fallback = "30",
	    .arguments = "BITS", .help = "of work at most, when many register" },
	{ "pow_calm", UINT(pow_calm, 1, 1000000000), .fallback = "120", .arguments = "COUNT",
	    .help = "registrations an hour; each doubling of that costs another bit" },

	{ "threads", UINT(threads, 0, API_THREADS_MAX), .fallback = "0", .arguments = "COUNT",
	    .help = "that answer; 0: one for each CPU" },
	{ "connections", UINT(connections, 8, 1000000), .fallback = "16384", .arguments = "COUNT",
	    .help = "open at a time" },
	{ "connections_per_source", UINT(connections_per_source, 0, 1000000), .fallback = "256",
	    .arguments = "COUNT", .help = "of these, from one source; 0: no limit" },
	{ "idle_timeout", TIME(idle_s, 1, HOUR), .fallback = "30s", .arguments = "TIME",
	    .help = "for the next request of a connection" },
	{ "body_timeout", TIME(body_s, 1, HOUR), .fallback = "15s", .arguments = "TIME",
	    .help = "between two pieces of a body" },
	{ "body_rate", UINT(body_rate, 0, 1000000000), .fallback = "4096", .arguments = "BYTES",
	    .help = "a second that a body must come with on average" },
	{ "header_max", SIZE(header_max, 2048, 1 << 20), .fallback = "6K", .arguments = "SIZE",
	    .help = "of a request's head" },
	{ "uploads", UINT(uploads_max, 1, 10000), .fallback = "32", .arguments = "COUNT",
	    .help = "bundles received at a time" },
	{ "write_queue", UINT(queue_max, 1, 1000000), .fallback = "4096", .arguments = "COUNT",
	    .help = "writes that may wait" },
	{ "write_group", UINT(group_max, 1, 10000), .fallback = "256", .arguments = "COUNT",
	    .help = "writes in one transaction" },
	{ "cache", SIZE(cache_kib, 64 << 10, UINT64_C(1) << 40), .fallback = "2M",
	    .arguments = "SIZE", .help = "of database pages, for each thread" },
	{ "busy_timeout", TIME(busy_ms, 1, 600), .fallback = "5s", .arguments = "TIME",
	    .help = "for another process that writes the database" },
	{ "disk_free", SIZE(disk_free_min, 0, UINT64_C(1) << 50), .fallback = "64M",
	    .arguments = "SIZE", .help = "with less than this on the disk no bundle is taken" },
	{ "upkeep_interval", TIME(upkeep_s, 1, DAY), .fallback = "60s", .arguments = "TIME",
	    .help = "between rounds of the work in the background" },
	{ "drain_timeout", TIME(drain_s, 0, 600), .fallback = "20s", .arguments = "TIME",
	    .help = "for requests in work, when it is to end" },
	{ 0 },
};
/* clang-format on */

/* What the server takes in smaller types, and in other units. */
static void
finish(struct api_conf *c)
{
	struct server_options *s = &c->server;

	s->listen_fd = -1;
	s->connections_max = (unsigned)c->connections;
	s->connections_per_source = (unsigned)c->connections_per_source;
	s->idle_s = (unsigned)c->idle_s;
	s->body_s = (unsigned)c->body_s;
	s->body_rate = (unsigned)c->body_rate;
	s->header_max = c->header_max;
	s->threads = (unsigned)c->threads;
	c->cache_kib /= 1024;
	c->busy_ms *= 1000;
}

/* What each option alone cannot see. */
static bool
check_together(const struct api_conf *c, struct fault *why)
{
	const struct server_options *s = &c->server;

	if (c->settings.registration == REGISTRATION_OPEN &&
	    c->rates[RATE_REGISTER].per_minute == 0)
		return fault_set(why, "registration open with rate_register off would give any "
				      "number of accounts to anybody: set rate_register");
	if ((s->tls_cert[0] == '\0') != (s->tls_key[0] == '\0'))
		return fault_set(why, "%s is given without %s",
		    s->tls_cert[0] == '\0' ? "tls_key" : "tls_cert",
		    s->tls_cert[0] == '\0' ? "tls_cert" : "tls_key");
	if (c->pow_bits > c->pow_bits_most)
		return fault_set(why, "pow_bits is more than pow_bits_max");
	if (c->data[0] == '\0')
		return fault_set(why, "data is empty");
	if (c->admin.port != 0 && endpoint_equal(&c->admin, &s->listen))
		return fault_set(why, "admin and listen are the same");
	return true;
}

bool
api_conf_read(struct api_conf *ret, const char *path, char *const *env, const char *const *given,
    struct fault *why)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	const struct conf_sources from = {
		.path = path, .env_prefix = API_CONF_ENV, .env = env, .given = given
	};

	memset(ret, 0, sizeof(*ret));
	ret->admin = endpoint_from_ipv4(loopback, 9080);
	if (!conf_load_sources(ret, api_conf_table, &from, why))
		return false;
	finish(ret);
	return check_together(ret, why) ||
	       fault_prefix(why, "%s", path == NULL ? "configuration" : path);
}

bool
api_conf_path(const struct api_conf *c, const char *name, char out[static CONF_TEXT_MAX])
{
	return snprintf(out, CONF_TEXT_MAX, "%s/%s", c->data, name) < CONF_TEXT_MAX;
}

bool
api_conf_key(const struct api_conf *c, char out[static CONF_TEXT_MAX])
{
	if (c->key_file[0] == '\0')
		return api_conf_path(c, "key", out);
	memcpy(out, c->key_file, CONF_TEXT_MAX);
	return true;
}

bool
api_conf_is_private(const struct api_conf *c)
{
	const struct server_options *s = &c->server;

	return s->tls_cert[0] != '\0' || s->proxy_count > 0 || endpoint_is_loopback(&s->listen);
}
