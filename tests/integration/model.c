/* SPDX-License-Identifier: ISC */
/*
 * What arrives at every cathedral is what the service's database says: a real service, three
 * cathedrals, each with its cathedral-sync, on loopback.  Tenants and an operator do what they
 * like, while any of these programs is killed at any moment, and started again a little later; now
 * and then a cathedral loses its registry.  From time to time all may run: then everything that
 * each cathedral has in memory, and in its registry.db, has to become what the database says.
 *
 * OPERATIONS says how many; what is done, and when who is killed, follows from the seed.  What
 * threads and processes make of it is the machine's.  Prints TAP when cmocka is told to.
 *
 * Its files are in the folder that it is started in, by whom its programs are to be.
 */
#include "base/clock.h"
#include "tests/support/api.h"
#include "tests/support/players.h"
#include "tests/support/portrait.h"
#include "tests/support/seed.h"
#include "tests/support/whims.h"
#include "tools/control/ask.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SITES          3
#define OPERATIONS     3000
#define EACH           250 /* operations between two comparisons */
#define KILL_ONE_IN    12
#define AWAY_MOST      30 /* operations that a killed program is away for, at most */
#define STARTING       50 /* operations after which a program has started for sure */
#define MOMENT_US      4000
#define START_MOST_MS  40
#define BACKUP_ONE_IN  60
#define RESTORE_ONE_IN 250
#define LISTEN         "127.0.0.1:8080"
#define START_MS       20000
#define SAME_MS        90000 /* until all know the same */
#define SHOWN          20    /* differences of one cathedral */

enum { API, SYNCS, CATHEDRALS = SYNCS + SITES, PLAYERS = CATHEDRALS + SITES };

#define DATA     "data"
#define COMMANDS "commands.log"
#define BACKUP   "backup.db"

struct post {
	const char *name; /* and its folder */
	char registry[32], conf[32], sync_conf[32], token[32];
	char control[PLAYER_PATH];
	struct endpoint at;
};

struct scene {
	uint64_t seed;
	struct random random; /* of the kills */
	struct endpoint at;
	struct player players[PLAYERS];
	unsigned back[PLAYERS];  /* operation before which a killed one is started again */
	unsigned since[PLAYERS]; /* which it was started before */
	struct post sites[SITES];
	struct truth truth;
	struct whims *whims;
	unsigned operation, kills, removed, restored, slowest_ms;
	bool backup, passed;
};

/* ---- setting up ---- */

static void __attribute__((format(printf, 2, 3)))
write_file(const char *path, const char *format, ...)
{
	FILE *f = fopen(path, "we");
	va_list args;

	assert_non_null(f);
	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0400), 0);
}

static void
name_player(struct scene *s, int n, const char *kind, const char *of)
{
	struct player *p = &s->players[n];

	snprintf(p->name, sizeof(p->name), "%s%s%s", kind, of[0] != '\0' ? "-" : "", of);
	snprintf(p->log, sizeof(p->log), "%s%s%s.log", kind, of[0] != '\0' ? "-" : "", of);
}

static void
say(struct player *p, const char *const *words, size_t count)
{
	assert_true(count <= PLAYER_WORDS);
	memcpy(p->words, words, count * sizeof(words[0]));
}

static void
write_site(const struct post *site, const char *at)
{
	char path[32];

	snprintf(path, sizeof(path), "%s/federation", site->name);
	write_file(path, "%s", "all cathedrals have these 32 b.s");
	write_file(site->conf,
	    "instance %s\nlisten %s nat 4501 shroud\nregistry registry.db\nworkers 1\n"
	    "federation_secret federation\np2p_sync yes\ncontrol %s\n",
	    site->name, at, site->control);
	write_file(site->sync_conf,
	    "api http://%s\ntoken token\nregistry registry.db\ncontrol %s\nheartbeat 1s\n", LISTEN,
	    site->control);
}

static void
name_site(struct post *site, const char *name)
{
	char folder[PLAYER_PATH / 2];

	assert_non_null(getcwd(folder, sizeof(folder)));
	site->name = name;
	snprintf(site->registry, sizeof(site->registry), "%s/registry.db", name);
	snprintf(site->conf, sizeof(site->conf), "%s/cathedral.conf", name);
	snprintf(site->sync_conf, sizeof(site->sync_conf), "%s/sync.conf", name);
	snprintf(site->token, sizeof(site->token), "%s/token", name);
	snprintf(site->control, sizeof(site->control), "%s/%s/control", folder, name);
}

/* The command prints {"name": ..., "token": ...}. */
static void
take_token(const struct post *site)
{
	json_t *doc = json_load_file(site->token, 0, NULL);
	char value[64];

	assert_non_null(doc);
	snprintf(value, sizeof(value), "%s", json_string_value(json_object_get(doc, "token")));
	json_decref(doc);
	assert_int_equal(unlink(site->token), 0);
	write_file(site->token, "%s\n", value);
}

static void
make_site(struct post *site, unsigned n)
{
	char at[32];

	snprintf(at, sizeof(at), "127.0.%u.1:4500", n + 1);
	assert_true(endpoint_parse(&site->at, at));
	assert_int_equal(mkdir(site->name, 0700), 0);
	write_site(site, at);
	assert_true(whims_command(DATA,
	    (const char *[]){ "cathedral", "add", site->name, at, "--nat-port", "4501", "--json" },
	    7, site->token));
	take_token(site);
}

/* ---- the programs ---- */

/* Its address is taken before there is a database: one answer is waited for. */
static bool
answers(const struct endpoint *at)
{
	const struct ask a = { .method = "GET", .path = "/v1/account" };
	struct http_client c = { .fd = -1 };
	struct got got = { 0 };
	bool ok = http_open(&c, at) && ask_on(&c, &a, &got);

	http_close(&c);
	got_free(got);
	return ok;
}

static void
start_api(struct scene *s)
{
	uint64_t end_ns = clock_now().mono_ns + START_MS * NS_PER_MS;

	player_start(&s->players[API]);
	while (!answers(&s->at)) {
		player_check(&s->players[API]);
		if (clock_now().mono_ns > end_ns)
			fail_msg("the service does not answer");
		pause_ms(2);
	}
}

static void
bring_back(struct scene *s, bool all)
{
	for (int n = 0; n < PLAYERS; n++) {
		struct player *p = &s->players[n];

		player_check(p);
		if (p->pid != 0 || (!all && s->back[n] > s->operation))
			continue;
		if (n == API)
			start_api(s);
		else
			player_start(p);
		s->since[n] = s->operation;
	}
}

/* ---- what happens to them ---- */

struct doom {
	struct scene *s;
	uint32_t moment_us;
	bool who[PLAYERS];
	int removes; /* the registry of that site; -1: none */
	bool with_key;
	bool again; /* they are killed once more as they start */
};

static void
remove_registry(const struct post *site, bool with_key)
{
	static const char *const names[] = { "", "-shm", "-wal", ".key" };
	char path[64];

	for (int n = 0; n < 3 + with_key; n++) {
		snprintf(path, sizeof(path), "%s%s", site->registry, names[n]);
		unlink(path);
	}
}

/* What must not fail here fails when it is joined. */
static void *
doom_run(void *arg)
{
	struct doom *d = arg;

	usleep(d->moment_us);
	for (int n = 0; n < PLAYERS; n++) {
		if (d->who[n])
			kill(d->s->players[n].pid, SIGKILL);
	}
	return NULL;
}

/*
 * Who writes is killed with it when its key file goes, too, since it would make a new one that goes
 * by the key of the old; and when it has just started, since it ends when a file goes while it is
 * opened for the first time.
 */
static void
doom_registry(struct doom *d, struct random *r)
{
	const struct scene *s = d->s;
	bool starts;

	d->removes = (int)random_below(r, SITES);
	d->with_key = random_below(r, 2) == 0;
	starts = s->operation < s->since[SYNCS + d->removes] + STARTING;
	d->who[SYNCS + d->removes] = random_below(r, 2) == 0 || d->with_key || starts;
	d->who[CATHEDRALS + d->removes] = random_below(r, 2) == 0;
}

/* Drawn the same whether or not a program runs just now: so it is the seed's. */
static void
doom_plan(struct doom *d)
{
	struct random *r = &d->s->random;
	unsigned kind = random_below(r, 20);
	unsigned site = random_below(r, SITES);

	d->moment_us = random_below(r, MOMENT_US);
	d->again = random_below(r, 3) == 0;
	if (kind == 19) /* a power cut: all that runs */
		memset(d->who, true, sizeof(d->who));
	else if (kind < 7 || kind == 17)
		d->who[API] = true;
	if ((kind >= 7 && kind < 12) || kind == 17 || kind == 18)
		d->who[SYNCS + site] = true;
	if ((kind >= 12 && kind < 15) || kind == 18)
		d->who[CATHEDRALS + site] = true;
	if (kind == 15 || kind == 16)
		doom_registry(d, r);
	for (int n = 0; n < PLAYERS; n++)
		d->who[n] = d->who[n] && d->s->players[n].pid != 0;
}

/* What it makes as it starts is half there. */
static void
kill_as_they_start(struct doom *d)
{
	struct scene *s = d->s;
	uint32_t ms = random_below(&s->random, START_MOST_MS);

	for (int n = 0; n < PLAYERS; n++) {
		if (d->who[n])
			player_start(&s->players[n]);
	}
	pause_ms(ms);
	for (int n = 0; n < PLAYERS; n++) {
		if (!d->who[n])
			continue;
		player_kill(&s->players[n]);
		s->kills++;
	}
}

static void
doom_settle(struct doom *d)
{
	struct scene *s = d->s;
	unsigned away = random_below(&s->random, AWAY_MOST);

	for (int n = 0; n < PLAYERS; n++) {
		if (!d->who[n])
			continue;
		player_kill(&s->players[n]);
		s->kills++;
		s->back[n] = n == API ? 0 : s->operation + random_below(&s->random, away + 1);
	}
	if (d->removes != -1) {
		remove_registry(&s->sites[d->removes], d->with_key);
		s->removed++;
	}
	if (d->again)
		kill_as_they_start(d);
}

/* ---- backups ---- */

static void
back_up(struct scene *s)
{
	assert_true(whims_command(DATA, (const char *[]){ "backup", BACKUP }, 2, COMMANDS));
	s->backup = true;
}

/* Nothing counts that was said since the backup. */
static void
restore(struct scene *s)
{
	if (!s->backup)
		return;
	player_kill(&s->players[API]);
	truth_close(&s->truth);
	assert_true(whims_command(DATA, (const char *[]){ "restore", BACKUP }, 2, COMMANDS));
	truth_open(&s->truth, DATA);
	whims_forget_all(s->whims);
	s->restored++;
	start_api(s);
}

static void
operate(struct scene *s)
{
	struct doom d = { .s = s, .removes = -1 };
	bool doomed = random_below(&s->random, KILL_ONE_IN) == 0;
	pthread_t thread;

	bring_back(s, false);
	if (random_below(&s->random, BACKUP_ONE_IN) == 0)
		back_up(s);
	if (random_below(&s->random, RESTORE_ONE_IN) == 0)
		restore(s);
	if (doomed) {
		doom_plan(&d);
		assert_int_equal(pthread_create(&thread, NULL, doom_run, &d), 0);
	}
	whims_step(s->whims, &s->truth, d.who[API]);
	if (!doomed)
		return;
	pthread_join(thread, NULL);
	doom_settle(&d);
}

/* ---- comparing ---- */

/* Up to which change registry.db says that it knows all; false with the reason. */
static bool
read_registry(const struct post *site, struct known *ret, uint64_t *until, struct fault *why)
{
	char key[64];
	const struct registry_db_options o = { .path = site->registry, .key = key };
	struct registry_db_state state;
	struct registry_db *db;
	uint64_t version = 0;
	bool ok;

	snprintf(key, sizeof(key), "%s.key", site->registry);
	db = registry_db_open(&o, why);
	if (db == NULL)
		return false;
	ok = registry_db_state(db, &state, why) && known_read(ret, db, &version, why);
	if (ok && state.sweeping)
		ok = fault_set(why, "registry.db: not all has been told yet");
	*until = state.until;
	registry_db_close(db);
	return ok;
}

/* A line of its own for each thing that is other than the database says; 0: all is the same. */
static unsigned
site_differs(const struct post *site, const struct known *want, uint64_t number, unsigned most)
{
	json_t *expected = portrait_of_known(want, &site->at), *got;
	struct known held = { .given = 0 };
	struct fault why = { "" };
	uint64_t until = 0;
	unsigned count = 0;
	char about[64];

	if (!read_registry(site, &held, &until, &why) || until != number) {
		if (most > 0)
			printf("# %s: registry.db is at change %" PRIu64 " of %" PRIu64 " %s\n",
			    site->name, until, number, why.text);
		count++;
	}
	snprintf(about, sizeof(about), "%s registry.db", site->name);
	got = portrait_of_known(&held, &site->at);
	count += portrait_differs(about, expected, got, most);
	json_decref(got);
	known_free(&held);

	snprintf(about, sizeof(about), "%s memory", site->name);
	got = portrait_of_cathedral(site->control, &why);
	if (got == NULL && most > 0)
		printf("# %s\n", why.text);
	count += got == NULL ? 1 : portrait_differs(about, expected, got, most);
	json_decref(got);
	json_decref(expected);
	return count;
}

static unsigned
differ(struct scene *s, unsigned most)
{
	struct known want = { .given = 0 };
	uint64_t number = truth_read(&s->truth, &want);
	unsigned count = 0;

	for (int n = 0; n < SITES && (count == 0 || most > 0); n++)
		count += site_differs(&s->sites[n], &want, number, most);
	known_free(&want);
	return count;
}

/* Nobody does anything any more: what there is has to arrive. */
static void
check(struct scene *s)
{
	uint64_t start_ns, ms;

	bring_back(s, true);
	start_ns = clock_now().mono_ns;
	whims_check(s->whims, &s->truth);
	while (differ(s, 0) > 0) {
		bring_back(s, false);
		ms = (clock_now().mono_ns - start_ns) / NS_PER_MS;
		if (ms > SAME_MS && differ(s, SHOWN) > 0)
			fail_msg("TEST_SEED=%" PRIu64 ": not the same after operation %u", s->seed,
			    s->operation);
		pause_ms(100);
	}
	ms = (clock_now().mono_ns - start_ns) / NS_PER_MS;
	if (ms > s->slowest_ms)
		s->slowest_ms = (unsigned)ms;
	printf("# %u operations, %u kills: the same after %u ms\n", s->operation, s->kills,
	    (unsigned)ms);
	fflush(stdout);
}

static unsigned
operations_wanted(void)
{
	const char *text = getenv("OPERATIONS");

	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : OPERATIONS;
}

static void
every_cathedral_knows_what_the_database_says(void **state)
{
	struct scene *s = *state;
	unsigned wanted = operations_wanted();

	check(s);
	while (s->operation < wanted) {
		s->operation++;
		operate(s);
		if (s->operation % EACH == 0)
			check(s);
	}
	check(s);
	printf(
	    "# %u registries removed, %u backups restored, %u ms at most until all was the same\n",
	    s->removed, s->restored, s->slowest_ms);
	assert_true(whims_tell(s->whims) > wanted / 2);
	for (int n = PLAYERS - 1; n >= 0; n--) {
		if (!player_end(&s->players[n]))
			fail_msg("%s does not end well", s->players[n].name);
	}
	assert_true(whims_command(DATA, (const char *[]){ "check" }, 1, COMMANDS));
	s->passed = true;
}

/* ---- the scene ---- */

static void
name_players(struct scene *s)
{
	const char *const api[] = { "reliquary-api", "--data", DATA, "--listen", LISTEN, "--admin",
		"off", "--registration", "open", "--rate_register", "1000000/minute burst 100000",
		"--rate_request", "off", "--rate_join", "off", "--rate_wrong_token", "off",
		"--upkeep_interval", "1s", "--log_level", "warning", "serve" };

	name_player(s, API, "api", "");
	say(&s->players[API], api, sizeof(api) / sizeof(api[0]));
	for (int n = 0; n < SITES; n++) {
		const struct post *site = &s->sites[n];
		const char *const sync[] = { "cathedral-sync", "-c", site->sync_conf };
		const char *const cathedral[] = { "cathedral", "-c", site->conf };

		name_player(s, SYNCS + n, "sync", site->name);
		say(&s->players[SYNCS + n], sync, 3);
		name_player(s, CATHEDRALS + n, "cathedral", site->name);
		say(&s->players[CATHEDRALS + n], cathedral, 3);
	}
}

static int
scene_begin(void **state)
{
	static const char *const names[SITES] = { "one", "two", "three" };
	struct scene *s = *state;

	setvbuf(stdout, NULL, _IOLBF, 0);
	s->seed = seed_for_test();
	random_from_seed(&s->random, s->seed + 1);
	assert_true(endpoint_parse(&s->at, LISTEN));
	assert_int_equal(mkdir(DATA, 0700), 0);
	for (int n = 0; n < SITES; n++)
		name_site(&s->sites[n], names[n]);
	name_players(s);
	start_api(s);
	for (unsigned n = 0; n < SITES; n++)
		make_site(&s->sites[n], n);
	truth_open(&s->truth, DATA);
	s->whims = whims_create(s->seed, DATA, &s->at, COMMANDS);
	bring_back(s, true);
	return 0;
}

static int
scene_end(void **state)
{
	struct scene *s = *state;

	for (int n = 0; n < PLAYERS; n++) {
		if (!s->passed)
			player_show(&s->players[n]);
		if (s->players[n].pid != 0)
			player_kill(&s->players[n]);
	}
	truth_close(&s->truth);
	whims_destroy(s->whims);
	return 0;
}

int
main(void)
{
	static struct scene scene;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate_setup_teardown(
		    every_cathedral_knows_what_the_database_says, scene_begin, scene_end, &scene),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
