/* SPDX-License-Identifier: ISC */
#include "cathedral/conf.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What every configuration must have. */
#define MUST "settings s\nsecretdir d\n"

static struct conf
conf_of(const char *text)
{
	struct conf c;
	struct fault why = { "" };

	if (!conf_read_text(&c, "c", text, &why))
		fail_msg("refused: %s", why.text);
	return c;
}

static void
assert_endpoint(const struct endpoint *got, const char *expected)
{
	char text[ENDPOINT_TEXT];

	assert_string_equal(endpoint_format(got, text), expected);
}

static void
test_the_door_is_beside_the_control_socket(void **state)
{
	struct conf c = conf_of(MUST "listen 192.0.2.1:4500\ncontrol /run/c\n");

	(void)state;
	assert_string_equal(c.handover, "/run/c.next");
	c = conf_of(MUST "listen 192.0.2.1:4500\nhandover /run/door\ncontrol /run/c\n");
	assert_string_equal(c.handover, "/run/door");
	c = conf_of(MUST "listen 192.0.2.1:4500\ncontrol /run/c\nhandover no\n");
	assert_string_equal(c.handover, "");
}

static void
test_budgets_are_powers_of_ten(void **state)
{
	struct conf c = conf_of(MUST "listen 192.0.2.1:4500\nbudget_file b\n"
				     "budget_month 20T\nflock_budget_month 3M\n");

	(void)state;
	assert_int_equal(c.site.budget_month, UINT64_C(20000000000000));
	assert_int_equal(c.site.flock_budget_month, 3000000);
	assert_string_equal(c.budget_file, "b");
	c = conf_of(MUST "listen 192.0.2.1:4500\nbudget_file b\nflock_budget_month 100000T\n");
	assert_int_equal(c.site.budget_month, 0);
	assert_int_equal(c.site.flock_budget_month, UINT64_C(100000000000000000));
}

static void
test_defaults_are_the_sites(void **state)
{
	const struct site_options expected = SITE_OPTIONS_DEFAULT;
	struct conf c = conf_of(MUST "listen 192.0.2.1:4500\n");

	(void)state;
	assert_int_equal(c.site.mtu, expected.mtu);
	assert_int_equal(c.site.p2p_sync, expected.p2p_sync);
	assert_int_equal(c.site.sender_check, expected.sender_check);
	assert_int_equal(c.site.offer_rate, expected.offer_rate);
	assert_int_equal(c.site.tunnels_per_device, expected.tunnels_per_device);
	assert_int_equal(c.site.identities_per_device, expected.identities_per_device);
	assert_int_equal(c.site.tunnels_max, expected.tunnels_max);
	assert_int_equal(c.site.liturgies_max, expected.liturgies_max);
	assert_int_equal(c.site.identities_max, expected.identities_max);
	assert_int_equal(c.site.replays_max, expected.replays_max);
	assert_int_equal(c.site.lookups_max, expected.lookups_max);

	assert_int_equal(c.workers, 0);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	assert_int_equal(c.lookup_percent, 10);
	assert_int_equal(c.socket_buffer, 4194304);
	assert_int_equal(c.spin, 0);
	assert_int_equal(c.busy_poll, 0);
	assert_true(c.merge);
	assert_int_equal(c.metrics.port, 0);
	assert_true(c.sandbox);
	assert_string_equal(c.instance, "cathedral");
	assert_string_equal(c.control, "");
	assert_string_equal(c.handover, "");
	assert_string_equal(c.state, "");
	assert_int_equal(c.state_interval, 10);
	assert_string_equal(c.user, "");
	assert_string_equal(c.pidfile, "");
	assert_string_equal(c.federation_secret, "");
}

static void
test_every_keyword_of_ours(void **state)
{
	struct conf c = conf_of(
	    "listen 192.0.2.1:4500 nat 4501\n"
	    "listen [2001:db8::1]:4600 clear nat 4601 # IPv6\n"
	    "listen 0.0.0.0:4700 advertise 198.51.100.1 shroud\n"
	    "settings /etc/s\nsecretdir /etc/d\nfederation_secret /etc/f\n"
	    "p2p_sync on\nmtu 1373\nsender_check no\nuser nobody\n"
	    "sandbox off\npidfile /run/p\ncontrol /run/c operator\n"
	    "metrics [::1]:9464\nlog_level debug\ninstance \"the one\"\n"
	    "workers 64\nsocket_buffer 65536\nmerge no\nspin 50\nbusy_poll 70\ntunnels_max 2048\n"
	    "tunnels_per_device 7\nliturgies_max 2049\nidentities_max 2050\n"
	    "identities_per_device 8\nreplays_max 2051\noffer_rate 9\n"
	    "lookups_max 16\nlookup_percent 100\n");
	const struct listener *l = c.site.listeners;

	(void)state;
	assert_int_equal(c.site.listener_count, 3);
	assert_endpoint(&l[0].main, "192.0.2.1:4500");
	assert_endpoint(&l[0].advertised, "192.0.2.1:4500");
	assert_int_equal(l[0].nat_port, 4501);
	assert_true(l[0].shrouded);
	assert_endpoint(&l[1].main, "[2001:db8::1]:4600");
	assert_int_equal(l[1].nat_port, 4601);
	assert_false(l[1].shrouded);
	assert_endpoint(&l[2].main, "0.0.0.0:4700");
	assert_endpoint(&l[2].advertised, "198.51.100.1:4700");
	assert_int_equal(l[2].nat_port, 0);
	assert_true(l[2].shrouded);

	assert_string_equal(c.settings, "/etc/s");
	assert_string_equal(c.secretdir, "/etc/d");
	assert_string_equal(c.federation_secret, "/etc/f");
	assert_string_equal(c.user, "nobody");
	assert_string_equal(c.pidfile, "/run/p");
	assert_string_equal(c.control, "/run/c");
	assert_string_equal(c.control_user, "operator");
	assert_string_equal(c.instance, "the one");
	assert_endpoint(&c.metrics, "[::1]:9464");
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
	assert_false(c.sandbox);
	assert_int_equal(c.workers, 64);
	assert_int_equal(c.socket_buffer, 65536);
	assert_int_equal(c.spin, 50);
	assert_int_equal(c.busy_poll, 70);
	assert_false(c.merge);
	assert_int_equal(c.lookup_percent, 100);
	assert_true(c.site.p2p_sync);
	assert_false(c.site.sender_check);
	assert_int_equal(c.site.mtu, 1373);
	assert_int_equal(c.site.tunnels_max, 2048);
	assert_int_equal(c.site.tunnels_per_device, 7);
	assert_int_equal(c.site.liturgies_max, 2049);
	assert_int_equal(c.site.identities_max, 2050);
	assert_int_equal(c.site.identities_per_device, 8);
	assert_int_equal(c.site.replays_max, 2051);
	assert_int_equal(c.site.offer_rate, 9);
	assert_int_equal(c.site.lookups_max, 16);
}

static void
test_a_configuration_of_sanctum(void **state)
{
	struct conf c = conf_of("mode cathedral\ninstance cathedral-1\n"
				"local 0.0.0.0:4500\nshroud yes\ncathedral_nat_port 4501\n"
				"cathedral_ip 198.51.100.7\ncathedral_mtu 1373\n"
				"cathedral_p2p_sync yes\ntfc on\n"
				"secret /etc/sanctum/f\nsecretdir /etc/sanctum/d\n"
				"settings /etc/sanctum/s\npidfile /run/p\n"
				"control /run/c joris\n"
				"run control as joris\nrun cathedral as _cathedral\n"
				"run bless as _bless\n");
	const struct listener *l = c.site.listeners;

	(void)state;
	assert_int_equal(c.site.listener_count, 1);
	assert_endpoint(&l->main, "0.0.0.0:4500");
	assert_endpoint(&l->advertised, "198.51.100.7:4500");
	assert_int_equal(l->nat_port, 4501);
	assert_true(l->shrouded);
	assert_int_equal(c.site.mtu, 1373);
	assert_true(c.site.p2p_sync);
	assert_string_equal(c.instance, "cathedral-1");
	assert_string_equal(c.federation_secret, "/etc/sanctum/f");
	assert_string_equal(c.user, "_cathedral");
	assert_string_equal(c.control_user, "joris");
}

static void
test_local_is_clear_and_may_be_spaced(void **state)
{
	struct conf c = conf_of(MUST "local 192.0.2.1 4500\n");

	(void)state;
	assert_endpoint(&c.site.listeners[0].main, "192.0.2.1:4500");
	assert_endpoint(&c.site.listeners[0].advertised, "192.0.2.1:4500");
	assert_false(c.site.listeners[0].shrouded);
	assert_int_equal(c.site.listeners[0].nat_port, 0);
}

static void
test_local_and_listen_keep_their_order(void **state)
{
	struct conf c = conf_of(MUST "listen 192.0.2.1:4600\nshroud no\nlocal 192.0.2.1:4500\n"
				     "cathedral_nat_port 4501\nlisten 192.0.2.1:4700 clear\n");

	(void)state;
	assert_int_equal(c.site.listener_count, 3);
	assert_true(c.site.listeners[0].shrouded);
	assert_endpoint(&c.site.listeners[1].main, "192.0.2.1:4500");
	assert_int_equal(c.site.listeners[1].nat_port, 4501);
	assert_int_equal(c.site.listeners[0].nat_port, 0);
	assert_int_equal(c.site.listeners[2].nat_port, 0);
}

static void
test_the_first_run_names_the_user_if_none_is_the_cathedrals(void **state)
{
	struct conf c = conf_of(MUST "listen 192.0.2.1:4500\nrun a as one\nrun b as two\n");

	(void)state;
	assert_string_equal(c.user, "one");
}

/* Each line stands on line 3, behind what every configuration must have. */
static void
test_what_is_refused(void **state)
{
	static const struct {
		const char *line, *fault;
	} cases[] = {
		{ "listen", "c:3: listen: needs ADDRESS:PORT" },
		{ "listen host:4500",
		    "c:3: listen: \"host:4500\" is not ADDRESS:PORT or [ADDRESS]:PORT" },
		{ "listen 192.0.2.1",
		    "c:3: listen: \"192.0.2.1\" is not ADDRESS:PORT or [ADDRESS]:PORT" },
		{ "listen 192.0.2.1:0",
		    "c:3: listen: \"192.0.2.1:0\" is not ADDRESS:PORT or [ADDRESS]:PORT" },
		{ "listen 192.0.2.1:4500 nat", "c:3: listen: \"nat\" needs a value" },
		{ "listen 192.0.2.1:4500 nat 0", "c:3: listen: \"0\" is not a port (1 to 65535)" },
		{ "listen 192.0.2.1:4500 nat 65536",
		    "c:3: listen: \"65536\" is not a port (1 to 65535)" },
		{ "listen 192.0.2.1:4500 nat 1 nat 2", "c:3: listen: \"nat\" stands twice" },
		{ "listen 192.0.2.1:4500 nat 4500",
		    "c:3: listen: port 4500 is its main port and its NAT port" },
		{ "listen 192.0.2.1:4500 clear shroud",
		    "c:3: listen: \"shroud\", but it is said already whether it is shrouded" },
		{ "listen 192.0.2.1:4500 plain",
		    "c:3: listen: \"plain\" is none of nat, clear, shroud and advertise" },
		{ "listen 0.0.0.0:4500", "c:3: listen: every address of this host: which one "
					 "devices are told must be given with advertise ADDRESS" },
		{ "listen [::]:4500", "c:3: listen: every address of this host: which one "
				      "devices are told must be given with advertise ADDRESS" },
		{ "listen 0.0.0.0:4500 advertise ::1",
		    "c:3: listen: \"::1\" is not an IPv4 address that devices can reach" },
		{ "listen 0.0.0.0:4500 advertise 0.0.0.0",
		    "c:3: listen: \"0.0.0.0\" is not an IPv4 address that devices can reach" },
		{ "local 192.0.2.1",
		    "c:3: local: is written \"local ADDRESS:PORT\" or \"local ADDRESS PORT\"" },
		{ "local 192.0.2.1 x",
		    "c:3: local: is written \"local ADDRESS:PORT\" or \"local ADDRESS PORT\"" },
		{ "local 0.0.0.0:4500",
		    "c: local: every address of this host: which one "
		    "devices are told must be given with cathedral_ip ADDRESS" },
		{ "budget_month 20",
		    "c:3: budget_month: is a number with its unit, such as 500M, 2000G or 20T" },
		{ "budget_month T",
		    "c:3: budget_month: is a number with its unit, such as 500M, 2000G or 20T" },
		{ "budget_month 20K",
		    "c:3: budget_month: is a number with its unit, such as 500M, 2000G or 20T" },
		{ "flock_budget_month 20 T", "c:3: flock_budget_month: is a number with its unit, "
					     "such as 500M, 2000G or 20T" },
		{ "flock_budget_month 0M",
		    "c:3: flock_budget_month: 0M is not within 1M to 100000T" },
		{ "budget_month 100001T",
		    "c:3: budget_month: 100001T is not within 1M to 100000T" },
		{ "shroud maybe", "c:3: shroud: \"maybe\" is neither yes nor no" },
		{ "shroud yes", "c: shroud: speaks of the local line, but there is none" },
		{ "cathedral_nat_port 4501",
		    "c: cathedral_nat_port: speaks of the local line, but there is none" },
		{ "cathedral_ip 192.0.2.1",
		    "c: cathedral_ip: speaks of the local line, but there is none" },
		{ "cathedral_ip x",
		    "c:3: cathedral_ip: \"x\" is not an IPv4 address that devices can reach" },
		{ "mode tunnel", "c:3: mode: this program knows the mode \"cathedral\" only" },
		{ "control", "c:3: control: is written \"control PATH [USER]\"" },
		{ "control run/c", "c:3: control: \"run/c\" does not begin with /" },
		{ "handover",
		    "c:3: handover: is written \"handover PATH\", with a path that begins "
		    "with /, or \"handover no\"" },
		{ "handover run/next",
		    "c:3: handover: is written \"handover PATH\", with a path that "
		    "begins with /, or \"handover no\"" },
		{ "state_interval 61", "c:3: state_interval: 61 is not within 1 to 60" },
		{ "metrics 9464", "c:3: metrics: is written \"metrics ADDRESS:PORT\"" },
		{ "metrics 192.0.2.1:9464", "c:3: metrics: \"192.0.2.1:9464\" is not a loopback "
					    "address (127.0.0.1, ::1)" },
		{ "metrics 0.0.0.0:9464", "c:3: metrics: \"0.0.0.0:9464\" is not a loopback "
					  "address (127.0.0.1, ::1)" },
		{ "log_level loud", "c:3: log_level: is one of error, warning, info and debug" },
		{ "user", "c:3: user: takes one name" },
		{ "run cathedral nobody", "c:3: run: is written \"run PROCESS as USER\"" },
		{ "mtu 575", "c:3: mtu: 575 is not within 576 to 1523" },
		{ "mtu 1524", "c:3: mtu: 1524 is not within 576 to 1523" },
		{ "workers 65", "c:3: workers: 65 is not within 0 to 64" },
		{ "workers many", "c:3: workers: \"many\" is not a number" },
		{ "lookup_percent 0", "c:3: lookup_percent: 0 is not within 1 to 100" },
		{ "p2p_sync perhaps", "c:3: p2p_sync: \"perhaps\" is neither yes nor no" },
		{ "settings t", "c:3: settings: given twice" },
		{ "peer 192.0.2.1", "c:3: peer: unknown keyword" },
		{ "", "c: no listener: a line \"listen ADDRESS:PORT\" is missing" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[512];
		struct conf c;
		struct fault why = { "" };

		snprintf(text, sizeof(text), MUST "%s\n", cases[i].line);
		if (conf_read_text(&c, "c", text, &why))
			fail_msg("taken: %s", cases[i].line);
		assert_string_equal(why.text, cases[i].fault);
	}
}

static void
test_what_is_required(void **state)
{
	static const struct {
		const char *lines, *fault;
	} cases[] = {
		{ "", "c: settings: required but missing, with secretdir, or else registry" },
		{ "secretdir d\n",
		    "c: settings: required but missing, with secretdir, or else registry" },
		{ "settings s\n", "c: secretdir: required but missing" },
		{ "registry r\nsettings s\nsecretdir d\n",
		    "c: registry: says already what settings and secretdir would say" },
		{ "registry r\nsecretdir d\n",
		    "c: registry: says already what settings and secretdir would say" },
		{ "settings s\nsecretdir d\nregistry_key k\n",
		    "c: registry_key: there is no registry that it would be of" },
		{ MUST "budget_month 1G\n",
		    "c: budget_month: there is no budget_file to keep what was used in" },
		{ MUST "flock_budget_month 1G\n",
		    "c: flock_budget_month: there is no budget_file to keep what was used in" },
		{ MUST "budget_file b\n",
		    "c: budget_file: there is neither a budget_month nor a flock_budget_month" },
		{ MUST "state b\nbudget_file b\nbudget_month 1G\n",
		    "c: budget_file: is the state file, too" },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct conf c;
		struct fault why;
		char text[256];

		snprintf(text, sizeof(text), "%slisten 192.0.2.1:4500\n", cases[n].lines);
		assert_false(conf_read_text(&c, "c", text, &why));
		assert_string_equal(why.text, cases[n].fault);
	}
}

static void
test_a_registry_has_a_key(void **state)
{
	struct conf c;
	struct fault why;
	char text[400] = "listen 192.0.2.1:4500\nregistry ";

	(void)state;
	assert_true(conf_read_text(&c, "c", "listen 192.0.2.1:4500\nregistry a/b.db\n", &why));
	assert_string_equal(c.registry, "a/b.db");
	assert_string_equal(c.registry_key, "a/b.db.key");
	assert_true(conf_read_text(
	    &c, "c", "listen 192.0.2.1:4500\nregistry_key k\nregistry a/b.db\n", &why));
	assert_string_equal(c.registry_key, "k");
	memset(text + strlen(text), 'x', CONF_TEXT_MAX - 4);
	assert_false(conf_read_text(&c, "c", text, &why));
	assert_string_equal(why.text, "c: registry: the path is too long");
}

static void
test_one_thing_is_not_said_in_two_words(void **state)
{
	static const struct {
		const char *lines, *fault;
	} cases[] = {
		{ "mtu 1400\ncathedral_mtu 1400",
		    "c:4: cathedral_mtu: says the same as mtu above" },
		{ "cathedral_p2p_sync no\np2p_sync no",
		    "c:4: p2p_sync: says the same as cathedral_p2p_sync above" },
		{ "secret a\nfederation_secret a",
		    "c:4: federation_secret: says the same as secret above" },
		{ "user a\nrun cathedral as a", "c:4: run: says the same as user above" },
		{ "run cathedral as a\nuser a", "c:4: user: says the same as run above" },
		{ "local 192.0.2.1:4500\nlisten 192.0.2.1:4500",
		    "c:4: listen: shares a port with the listener 192.0.2.1:4500" },
		{ "listen 192.0.2.1:4500 nat 4501\nlisten 192.0.2.1:4501",
		    "c:4: listen: shares a port with the listener 192.0.2.1:4500" },
		{ "listen 192.0.2.1:4500\nlisten 192.0.2.1:4501 nat 4500",
		    "c:4: listen: shares a port with the listener 192.0.2.1:4500" },
		{ "listen 192.0.2.1:4501\nlocal 192.0.2.1:4500\ncathedral_nat_port 4501",
		    "c: local: shares a port with the listener 192.0.2.1:4501" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[512];
		struct conf c;
		struct fault why = { "" };

		snprintf(text, sizeof(text), MUST "%s\n", cases[i].lines);
		if (conf_read_text(&c, "c", text, &why))
			fail_msg("taken: %s", cases[i].lines);
		assert_string_equal(why.text, cases[i].fault);
	}
}

static void
test_listeners_are_limited(void **state)
{
	char text[2048] = MUST;
	struct conf c;
	struct fault why;

	(void)state;
	for (int i = 0; i < LISTENERS_MAX; i++)
		sprintf(text + strlen(text), "listen 192.0.2.1:%d\n", 4500 + i);
	c = conf_of(text);
	assert_int_equal(c.site.listener_count, LISTENERS_MAX);

	strcat(text, "listen 192.0.2.1:4499\n");
	assert_false(conf_read_text(&c, "c", text, &why));
	assert_string_equal(why.text, "c:19: listen: more than 16 listeners");
}

static void
test_paths_are_the_files_neighbours(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name file = scratch_write(
	    &s, "c", "listen 192.0.2.1:4500\nsettings s\nsecretdir /d\nsecret f\nwrong\n");
	struct conf c;
	struct fault why;
	char expected[1024];

	(void)state;
	assert_false(conf_read(&c, file.path, &why));
	snprintf(expected, sizeof(expected), "%s:5: wrong: unknown keyword", file.path);
	assert_string_equal(why.text, expected);

	scratch_write(&s, "c", "listen 192.0.2.1:4500\nsettings s\nsecretdir /d\nsecret f\n");
	assert_true(conf_read(&c, file.path, &why));
	assert_string_equal(c.settings, scratch_name(&s, "s").path);
	assert_string_equal(c.federation_secret, scratch_name(&s, "f").path);
	assert_string_equal(c.secretdir, "/d");

	scratch_write(&s, "c", "settings s\nsecretdir /d\n");
	assert_false(conf_read(&c, file.path, &why));
	snprintf(expected, sizeof(expected),
	    "%s: no listener: a line \"listen ADDRESS:PORT\" is missing", file.path);
	assert_string_equal(why.text, expected);
	scratch_remove(&s);
}

/* ---- the sample ---- */

static char *
sample(void)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen("docs/cathedral.conf.sample", "r");

	assert_non_null(text);
	assert_non_null(file);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

/* Where the sample speaks of a keyword, in force or not: behind it; NULL: nowhere. */
static const char *
find_line(const char *text, const char *keyword)
{
	size_t len = strlen(keyword);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += strspn(line, "\n");
		line += *line == '#';
		if (strncmp(line, keyword, len) == 0 && line[len] == ' ')
			return line + len + 1;
	}
	return NULL;
}

static void
test_the_sample_knows_every_keyword_and_its_default(void **state)
{
	char *text = sample();

	(void)state;
	for (const struct conf_option *o = conf_options; o->keyword != NULL; o++) {
		const char *value = find_line(text, o->keyword);

		if (value == NULL)
			fail_msg("%s is not in the sample", o->keyword);
		else if (o->fallback != NULL &&
			 strncmp(value, o->fallback, strlen(o->fallback)) != 0)
			fail_msg(
			    "the default of %s is not %s in the sample", o->keyword, o->fallback);
	}
	free(text);
}

static void
test_the_sample_is_taken(void **state)
{
	char *text = sample();
	struct conf c = conf_of(text);

	(void)state;
	assert_int_equal(c.site.listener_count, 2);
	assert_endpoint(&c.site.listeners[0].main, "192.0.2.1:4500");
	free(text);
}

/* Each line that is not in force is one that could be. */
static void
test_what_the_sample_leaves_out_is_taken_too(void **state)
{
	char *text = sample(), *rest = text, *line;

	(void)state;
	while ((line = strsep(&rest, "\n")) != NULL) {
		char one[1024];

		if (line[0] != '#' || line[1] == ' ' || strncmp(line, "#registry", 9) == 0 ||
		    strstr(line, "budget_") != NULL)
			continue;
		snprintf(one, sizeof(one), MUST "%s%s\n",
		    strncmp(line, "#local", 6) == 0 ? "" : "local 192.0.2.1:4500\n", line + 1);
		conf_of(one);
	}
	free(text);
	/* These need each other, and the next two are instead of what must be there else. */
	conf_of(MUST "listen 192.0.2.1:4500\nbudget_month 20T\nflock_budget_month 500G\n"
		     "budget_file /var/lib/cathedral/budget\n");
	conf_of("listen 192.0.2.1:4500\nregistry r\nregistry_key k\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_the_sites),
		cmocka_unit_test(test_budgets_are_powers_of_ten),
		cmocka_unit_test(test_the_door_is_beside_the_control_socket),
		cmocka_unit_test(test_every_keyword_of_ours),
		cmocka_unit_test(test_a_configuration_of_sanctum),
		cmocka_unit_test(test_local_is_clear_and_may_be_spaced),
		cmocka_unit_test(test_local_and_listen_keep_their_order),
		cmocka_unit_test(test_the_first_run_names_the_user_if_none_is_the_cathedrals),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_what_is_required),
		cmocka_unit_test(test_a_registry_has_a_key),
		cmocka_unit_test(test_one_thing_is_not_said_in_two_words),
		cmocka_unit_test(test_listeners_are_limited),
		cmocka_unit_test(test_paths_are_the_files_neighbours),
		cmocka_unit_test(test_the_sample_knows_every_keyword_and_its_default),
		cmocka_unit_test(test_the_sample_is_taken),
		cmocka_unit_test(test_what_the_sample_leaves_out_is_taken_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
