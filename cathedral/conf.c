/* SPDX-License-Identifier: ISC */
#include "cathedral/conf.h"

#include "base/hex.h"
#include "cathedral/conf_listen.h"
#include "cathedral/ops/metrics.h"
#include "registry/registry_db.h"

#include <string.h>

#define HANDOVER_SUFFIX ".next"
#define BUDGET_MAX      UINT64_C(100000000000000000)

static bool
parse_mode(void *conf, char *const *words, size_t count, struct fault *why)
{
	if (count != 1 || strcmp(words[0], "cathedral") != 0)
		return fault_set(why, "this program knows the mode \"cathedral\" only");
	return conf_copy_text(((struct conf *)conf)->mode, words[0], why);
}

/* control PATH [USER] */
static bool
parse_control(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct conf *c = conf;

	if (count == 0 || count > 2)
		return fault_set(why, "is written \"control PATH [USER]\"");
	if (words[0][0] != '/')
		return fault_set(why, "\"%s\" does not begin with /", words[0]);
	return conf_copy_text(c->control, words[0], why) &&
	       (count == 1 || conf_copy_text(c->control_user, words[1], why));
}

/* handover PATH|no */
static bool
parse_handover(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct conf *c = conf;

	c->handover_given = true;
	if (count == 1 && strcmp(words[0], "no") == 0)
		return true;
	if (count != 1 || words[0][0] != '/')
		return fault_set(why, "is written \"handover PATH\", with a path that begins with "
				      "/, or \"handover no\"");
	return conf_copy_text(c->handover, words[0], why);
}

/* Numbers for everybody to read are nobody's business outside of this host. */
static bool
parse_metrics(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct endpoint e;

	if (count != 1 || !endpoint_parse(&e, words[0]) || e.port == 0)
		return fault_set(why, "is written \"metrics ADDRESS:PORT\"");
	if (!endpoint_is_loopback(&e))
		return fault_set(
		    why, "\"%s\" is not a loopback address (127.0.0.1, ::1)", words[0]);
	((struct conf *)conf)->metrics = e;
	return true;
}

static bool
parse_log_level(void *conf, char *const *words, size_t count, struct fault *why)
{
	return conf_read_log_level(&((struct conf *)conf)->log_level, words, count, why);
}

static bool
parse_user(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct conf *c = conf;

	if (count != 1)
		return fault_set(why, "takes one name");
	if (c->run_given)
		return fault_set(why, "says the same as run above");
	c->user_given = true;
	return conf_copy_text(c->user, words[0], why);
}

/*
 * run PROCESS as USER: sanctum has a process for each of its tasks, here there is one.  Its user is
 * the one meant for the process that does the same, else the first.
 */
static bool
parse_run(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct conf *c = conf;
	bool preferred;

	if (count != 3 || strcmp(words[1], "as") != 0)
		return fault_set(why, "is written \"run PROCESS as USER\"");
	if (c->user_given)
		return fault_set(why, "says the same as user above");
	preferred = strcmp(words[0], "cathedral") == 0;
	if (c->run_given && (c->run_preferred || !preferred))
		return true;
	c->run_given = true;
	c->run_preferred = preferred;
	return conf_copy_text(c->user, words[2], why);
}

/* What is bought by the month comes in powers of ten: 500G, 20T. */
static bool
read_budget(uint64_t *ret, char *const *words, size_t count, struct fault *why)
{
	static const struct {
		char letter;
		uint64_t bytes;
	} units[] = { { 'M', 1000000 }, { 'G', 1000000000 }, { 'T', UINT64_C(1000000000000) } };
	size_t digits = count == 1 ? strspn(words[0], "0123456789") : 0;
	char number[16];
	uint64_t value;

	if (digits == 0 || digits >= sizeof(number) || strlen(words[0]) != digits + 1)
		return fault_set(why, "is a number with its unit, such as 500M, 2000G or 20T");
	memcpy(number, words[0], digits);
	number[digits] = '\0';
	for (size_t n = 0; n < sizeof(units) / sizeof(units[0]); n++) {
		if (words[0][digits] != units[n].letter)
			continue;
		if (!decimal_u64(&value, number, BUDGET_MAX / units[n].bytes) || value == 0)
			return fault_set(why, "%s is not within 1M to 100000T", words[0]);
		*ret = value * units[n].bytes;
		return true;
	}
	return fault_set(why, "is a number with its unit, such as 500M, 2000G or 20T");
}

static bool
parse_budget(void *conf, char *const *words, size_t count, struct fault *why)
{
	return read_budget(&((struct conf *)conf)->budget_month, words, count, why);
}

static bool
parse_flock_budget(void *conf, char *const *words, size_t count, struct fault *why)
{
	return read_budget(&((struct conf *)conf)->flock_budget_month, words, count, why);
}

#define FIELD(name)          .offset = offsetof(struct conf, name)
#define PARSE(function)      .type = CONF_PARSE, .parse = (function)
#define TEXT(name)           .type = CONF_TEXT, FIELD(name)
#define PATH(name)           .type = CONF_PATH, FIELD(name)
#define FLAG(name)           .type = CONF_FLAG, FIELD(name)
#define UINT(name, from, to) .type = CONF_UINT, FIELD(name), .min = (from), .max = (to)

/* clang-format off */
const struct conf_option conf_options[] = {
	{ "listen", PARSE(conf_parse_listen), .repeats = true,
	    .arguments = "ADDRESS:PORT [nat PORT] [clear|shroud] [advertise ADDRESS]",
	    .help = "where devices reach it; other cathedrals talk to the first one" },
	{ "registry", PATH(registry), .arguments = "FILE",
	    .help = "registry.db: all that the service tells, by way of cathedral-sync" },
	{ "registry_key", PATH(registry_key), .arguments = "FILE",
	    .help = "its key file; the registry's name with .key behind it, if this is not given" },
	{ "settings", PATH(settings), .arguments = "FILE",
	    .help = "flocks, their devices and ambries, and the federated cathedrals" },
	{ "secretdir", PATH(secretdir), .arguments = "FOLDER",
	    .help = "flock-FLOCK/DEVICE.key and .pub below it are the devices' secrets and keys" },
	{ "federation_secret", PATH(federation_secret), .arguments = "FILE",
	    .help = "32 bytes that all cathedrals of a federation share" },
	{ "p2p_sync", FLAG(p2p_sync), .fallback = "no", .arguments = "yes|no",
	    .help = "tell other cathedrals where devices can be reached directly, and believe theirs" },
	{ "federation_letters", FLAG(federation_letters), .fallback = "yes", .arguments = "yes|no",
	    .help = "many announcements in one packet, to cathedrals that know how to read them" },
	{ "federation_refresh", UINT(federation_refresh, 3, 40), .fallback = "40",
	    .arguments = "SECONDS",
	    .help = "other cathedrals hear again of what did not change before that is over" },
	{ "mtu", UINT(mtu, 576, 1523), .fallback = "1472", .arguments = "BYTES",
	    .help = "shrouded packets stay below it" },
	{ "sender_check", FLAG(sender_check), .fallback = "yes", .arguments = "yes|no",
	    .help = "relay clear data only from where its sender was last heard" },

	{ "user", PARSE(parse_user), .arguments = "NAME", .help = "the user to become" },
	{ "sandbox", FLAG(sandbox), .fallback = "yes", .arguments = "yes|no",
	    .help = "filter system calls" },
	{ "pidfile", PATH(pidfile), .arguments = "FILE", .help = "holds the process id" },
	{ "control", PARSE(parse_control), .arguments = "PATH [USER]",
	    .help = "socket for cathedralctl, for root, the daemon's user, or USER and its group" },
	{ "handover", PARSE(parse_handover), .arguments = "PATH|no",
	    .help = "socket for the cathedral that takes over (-r); control's path with .next behind it" },
	{ "state", PATH(state), .arguments = "FILE",
	    .help = "what it knows is written there, and read again after a crash or a stop" },
	{ "state_interval", UINT(state_interval, 1, 60), .fallback = "10", .arguments = "SECONDS",
	    .help = "how often that is written" },
	{ "metrics", PARSE(parse_metrics), .arguments = "ADDRESS:PORT",
	    .help = "Prometheus metrics over HTTP, on a loopback address" },
	{ "log_level", PARSE(parse_log_level), .fallback = "info", .arguments = "LEVEL",
	    .help = "error, warning, info or debug" },
	{ "instance", TEXT(instance), .fallback = "cathedral", .arguments = "NAME",
	    .help = "its name in reports" },

	{ "workers", UINT(workers, 0, CONF_WORKERS_MAX), .fallback = "0", .arguments = "COUNT",
	    .help = "threads that relay; 0: one for each CPU" },
	{ "socket_buffer", UINT(socket_buffer, 65536, 1 << 30), .fallback = "4194304",
	    .arguments = "BYTES", .help = "of each socket, each way" },
	{ "merge", FLAG(merge), .fallback = "yes", .arguments = "yes|no",
	    .help = "let the kernel take and hand over packets of one flow as one" },
	{ "spin", UINT(spin, 0, 10000), .fallback = "0", .arguments = "MICROSECONDS",
	    .help = "look for more packets for so long before sleeping" },
	{ "busy_poll", UINT(busy_poll, 0, 10000), .fallback = "0", .arguments = "MICROSECONDS",
	    .help = "ask the network card for packets for so long; 0: as the system says" },
	{ "egress", UINT(egress, 0, 1000000), .fallback = "0", .arguments = "MBIT",
	    .help = "all that the host may send per second, shared fairly by flocks; 0: no limit" },
	{ "budget_month", PARSE(parse_budget), .arguments = "BYTES",
	    .help = "all that the host may send in a calendar month (UTC): 500M, 2000G, 20T" },
	{ "flock_budget_month", PARSE(parse_flock_budget), .arguments = "BYTES",
	    .help = "and what each flock may send of it" },
	{ "budget_file", PATH(budget_file), .arguments = "FILE",
	    .help = "what was used of these is kept there; required for them" },
	{ "tunnels_max", UINT(tunnels_max, 1024, 1 << 27), .fallback = "1048576",
	    .arguments = "COUNT", .help = "tunnels known at a time" },
	{ "tunnels_per_device", UINT(tunnels_per_device, 1, 65536), .fallback = "1024",
	    .arguments = "COUNT", .help = "of these, tunnels of one device" },
	{ "liturgies_max", UINT(liturgies_max, 1024, 1 << 27), .fallback = "262144",
	    .arguments = "COUNT", .help = "liturgy entries known at a time" },
	{ "identities_max", UINT(identities_max, 1024, 1 << 27), .fallback = "262144",
	    .arguments = "COUNT", .help = "shroud identities known at a time" },
	{ "identities_per_device", UINT(identities_per_device, 1, 65536), .fallback = "512",
	    .arguments = "COUNT", .help = "of these, identities of one device" },
	{ "replays_max", UINT(replays_max, 1024, 1 << 27), .fallback = "1048576",
	    .arguments = "COUNT", .help = "accepted offers remembered against repetition" },
	{ "offer_rate", UINT(offer_rate, 1, 1000000), .fallback = "512", .arguments = "COUNT",
	    .help = "offers accepted from one device per second and worker, twice that at once" },
	{ "lookups_max", UINT(lookups_max, 16, 65536), .fallback = "1024", .arguments = "COUNT",
	    .help = "packets under unknown identities that may wait for their search" },
	{ "lookup_percent", UINT(lookup_percent, 1, 100), .fallback = "10", .arguments = "PERCENT",
	    .help = "of one CPU for searches of unknown identities in vain" },

	{ "mode", PARSE(parse_mode), .arguments = "cathedral", .help = "sanctum's: has to be cathedral" },
	{ "local", PARSE(conf_parse_local), .arguments = "ADDRESS:PORT",
	    .help = "sanctum's: a listener that the three keywords below describe" },
	{ "shroud", PARSE(conf_parse_shroud), .arguments = "yes|no",
	    .help = "sanctum's: whether that listener is shrouded; it is not if this is not given" },
	{ "cathedral_nat_port", UINT(local.nat_port, 0, 65535), .arguments = "PORT",
	    .help = "sanctum's: its NAT port" },
	{ "cathedral_ip", PARSE(conf_parse_ip), .arguments = "ADDRESS",
	    .help = "sanctum's: its address as devices are told" },
	{ "cathedral_mtu", UINT(mtu, 576, 1523), .arguments = "BYTES",
	    .help = "sanctum's word for mtu" },
	{ "cathedral_p2p_sync", FLAG(p2p_sync), .arguments = "yes|no",
	    .help = "sanctum's word for p2p_sync" },
	{ "secret", PATH(federation_secret), .arguments = "FILE",
	    .help = "sanctum's word for federation_secret" },
	{ "run", PARSE(parse_run), .repeats = true, .arguments = "PROCESS as USER",
	    .help = "sanctum's: the user of the process cathedral, else of the first, as user does" },
	{ "tfc", FLAG(tfc), .arguments = "yes|no", .help = "sanctum's: means nothing to a cathedral" },
	{ 0 },
};
/* clang-format on */

static bool
finish_registry(struct conf *c, struct fault *why)
{
	if (c->settings[0] != '\0' || c->secretdir[0] != '\0')
		return fault_set(
		    why, "registry: says already what settings and secretdir would say");
	if (c->registry_key[0] != '\0')
		return true;
	return registry_db_key_default(c->registry_key, sizeof(c->registry_key), c->registry) ||
	       fault_set(why, "registry: the path is too long");
}

/* Whom it serves: from registry.db or from files, and not from both. */
static bool
finish_source(struct conf *c, struct fault *why)
{
	if (c->registry[0] != '\0')
		return finish_registry(c, why);
	if (c->registry_key[0] != '\0')
		return fault_set(why, "registry_key: there is no registry that it would be of");
	if (c->settings[0] == '\0')
		return fault_set(
		    why, "settings: required but missing, with secretdir, or else registry");
	return c->secretdir[0] != '\0' || fault_set(why, "secretdir: required but missing");
}

/* Beside the control socket, unless said otherwise. */
static bool
finish_handover(struct conf *c, struct fault *why)
{
	if (c->handover_given || c->control[0] == '\0')
		return true;
	if (strlen(c->control) + strlen(HANDOVER_SUFFIX) >= sizeof(c->handover))
		return fault_set(why, "control: the path is too long");
	strcat(strcpy(c->handover, c->control), HANDOVER_SUFFIX);
	return true;
}

/* What was used must outlive the machine, or a month would begin with every start of it. */
static bool
finish_budgets(struct conf *c, struct fault *why)
{
	bool wanted = c->budget_month != 0 || c->flock_budget_month != 0;

	if (wanted && c->budget_file[0] == '\0')
		return fault_set(why, "%s: there is no budget_file to keep what was used in",
		    c->budget_month != 0 ? "budget_month" : "flock_budget_month");
	if (!wanted && c->budget_file[0] != '\0')
		return fault_set(why, "budget_file: there is neither a budget_month nor a "
				      "flock_budget_month");
	if (wanted && strcmp(c->budget_file, c->state) == 0)
		return fault_set(why, "budget_file: is the state file, too");
	c->site.budget_month = c->budget_month;
	c->site.flock_budget_month = c->flock_budget_month;
	return true;
}

static bool
finish(struct conf *c, struct fault *why)
{
	struct site_options *s = &c->site;

	if (!finish_source(c, why) || !finish_handover(c, why) || !finish_budgets(c, why))
		return false;
	if (!conf_finish_listeners(c, why))
		return false;
	s->mtu = c->mtu;
	s->letters = c->federation_letters;
	s->refresh_s = (uint32_t)c->federation_refresh;
	s->p2p_sync = c->p2p_sync;
	s->sender_check = c->sender_check;
	s->offer_rate = (uint32_t)c->offer_rate;
	s->tunnels_per_device = (uint32_t)c->tunnels_per_device;
	s->identities_per_device = (uint32_t)c->identities_per_device;
	s->tunnels_max = c->tunnels_max;
	s->liturgies_max = c->liturgies_max;
	s->identities_max = c->identities_max;
	s->replays_max = c->replays_max;
	s->lookups_max = c->lookups_max;
	s->egress_mbit = (uint32_t)c->egress;
	return true;
}

bool
conf_read(struct conf *ret, const char *path, struct fault *why)
{
	memset(ret, 0, sizeof(*ret));
	if (!conf_load(ret, conf_options, path, why))
		return false;
	return finish(ret, why) || fault_prefix(why, "%s", path);
}

bool
conf_read_text(struct conf *ret, const char *name, const char *text, struct fault *why)
{
	memset(ret, 0, sizeof(*ret));
	if (!conf_load_text(ret, conf_options, name, text, why))
		return false;
	return finish(ret, why) || fault_prefix(why, "%s", name);
}
