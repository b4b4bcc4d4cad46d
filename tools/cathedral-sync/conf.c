/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/conf.h"

#include "registry/registry_db.h"
#include "tools/cathedral-sync/fetch.h"
#include "tools/control/ask.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Without blanks and slashes at its end: paths are put to it. */
static bool
parse_api(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct sync_conf *c = conf;
	size_t len;

	if (count != 1)
		return fault_set(why, "is written \"api URL\"");
	if (!fetch_url_check(words[0], why) || !conf_copy_text(c->api, words[0], why))
		return false;
	for (len = strlen(c->api); len > 0 && c->api[len - 1] == '/'; len--)
		c->api[len - 1] = '\0';
	return true;
}

#define PIN_PREFIX "sha256//"

static bool
parse_pin(void *conf, char *const *words, size_t count, struct fault *why)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	size_t len = 0;

	if (count == 1 && strncmp(words[0], PIN_PREFIX, strlen(PIN_PREFIX)) == 0 &&
	    sodium_base642bin(hash, sizeof(hash), words[0] + strlen(PIN_PREFIX),
		strlen(words[0]) - strlen(PIN_PREFIX), NULL, &len, NULL,
		sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    len == sizeof(hash))
		return conf_copy_text(((struct sync_conf *)conf)->pin, words[0], why);
	return fault_set(why, "is written \"pin sha256//BASE64\", of 32 bytes");
}

static bool
parse_control(void *conf, char *const *words, size_t count, struct fault *why)
{
	if (count != 1 || words[0][0] != '/')
		return fault_set(
		    why, "is written \"control PATH\", and the path begins with a slash");
	return conf_copy_text(((struct sync_conf *)conf)->control, words[0], why);
}

static bool
parse_log_level(void *conf, char *const *words, size_t count, struct fault *why)
{
	return conf_read_log_level(&((struct sync_conf *)conf)->log_level, words, count, why);
}

#define FIELD(name)          .offset = offsetof(struct sync_conf, name)
#define PARSE(function)      .type = CONF_PARSE, .parse = (function)
#define TEXT(name)           .type = CONF_TEXT, FIELD(name)
#define PATH(name)           .type = CONF_PATH, FIELD(name)
#define FLAG(name)           .type = CONF_FLAG, FIELD(name)
#define TIME(name, from, to) .type = CONF_TIME, FIELD(name), .min = (from), .max = (to)

/* clang-format off */
const struct conf_option sync_conf_table[] = {
	{ "api", PARSE(parse_api), .required = true, .arguments = "URL",
	    .help = "the service: https://NAME, or http:// where nobody else can listen" },
	{ "token", PATH(token), .fallback = "/var/lib/cathedral/token", .arguments = "FILE",
	    .help = "the token of this cathedral, which nobody else may read" },
	{ "ca", PATH(ca), .arguments = "FILE",
	    .help = "certificates (PEM) to trust, instead of those that the system does" },
	{ "pin", PARSE(parse_pin), .arguments = "sha256//BASE64",
	    .help = "the public key that the service must have, too" },
	{ "registry", PATH(registry), .fallback = "/var/lib/cathedral/registry.db",
	    .arguments = "FILE", .help = "what the cathedral reads" },
	{ "registry_key", PATH(registry_key), .arguments = "FILE",
	    .help = "the key file of it, when it is not FILE.key" },
	{ "control", PARSE(parse_control), .fallback = CONTROL_DEFAULT, .arguments = "PATH",
	    .help = "the cathedral's control socket" },

	{ "wait", TIME(wait_s, 1, 300), .fallback = "50s", .arguments = "TIME",
	    .help = "how long the service may wait for a change before it answers" },
	{ "heartbeat", TIME(heartbeat_s, 1, 3600), .fallback = "20s", .arguments = "TIME",
	    .help = "between two messages that the cathedral is well" },

	{ "user", TEXT(user), .arguments = "NAME", .help = "the user to become" },
	{ "sandbox", FLAG(sandbox), .fallback = "yes", .arguments = "yes|no",
	    .help = "filter system calls" },
	{ "log_level", PARSE(parse_log_level), .fallback = "info", .arguments = "LEVEL",
	    .help = "error, warning, info or debug" },
	{ 0 },
};
/* clang-format on */

static bool
finish(struct sync_conf *c, struct fault *why)
{
	if (c->registry[0] == '\0')
		return fault_set(why, "registry is empty");
	if (c->pin[0] != '\0' && strncmp(c->api, "https", 5) != 0)
		return fault_set(why, "pin is given, but api is not https");
	if (c->registry_key[0] != '\0')
		return true;
	return registry_db_key_default(c->registry_key, sizeof(c->registry_key), c->registry) ||
	       fault_set(why, "registry: the path is too long");
}

bool
sync_conf_read(struct sync_conf *ret, const char *path, struct fault *why)
{
	memset(ret, 0, sizeof(*ret));
	if (!conf_load(ret, sync_conf_table, path, why))
		return false;
	return finish(ret, why) || fault_prefix(why, "%s", path);
}

bool
sync_conf_read_text(struct sync_conf *ret, const char *name, const char *text, struct fault *why)
{
	memset(ret, 0, sizeof(*ret));
	if (!conf_load_text(ret, sync_conf_table, name, text, why))
		return false;
	return finish(ret, why) || fault_prefix(why, "%s", name);
}

bool
sync_conf_is_plain(const struct sync_conf *c)
{
	return strncmp(c->api, "http://", 7) == 0 && !fetch_url_is_here(c->api);
}
