/* SPDX-License-Identifier: ISC */
/*
 * The real service, killed again and again while clients write and upload: after each start all
 * that was acknowledged is there, what was not is there wholly or not at all, and nothing else.
 * KILLS says how often; the moments follow from the seed.  Prints TAP when cmocka is told to.
 */
#include "tests/support/promises.h"
#include "tests/support/scratch.h"
#include "tests/support/seed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PROGRAM     "reliquary-api"
#define LISTEN      "127.0.0.1:8080"
#define KILLS       24
#define CLIENTS     6
#define WORK_MS     600 /* at most, until it is killed */
#define START_MS    60  /* the same, of those that are killed as they start */
#define PATIENCE_MS 10000
#define HOUR_S      3600

struct scene {
	struct random random;
	struct scratch scratch;
	char data[300], db_path[340], bundles[340], incoming[360], log[340];
	struct endpoint at;
	pid_t pid; /* 0: it does not run */
	sqlite3 *db;
	atomic_bool down;
	bool passed;
	struct promises *clients[CLIENTS];
};

static void
pause_ms(uint32_t ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * (long)NS_PER_MS };

	nanosleep(&t, NULL);
}

/* ---- the service ---- */

static pid_t
run_program(struct scene *s, const char *command)
{
	const char *const argv[] = { PROGRAM, "--data", s->data, "--listen", LISTEN, "--admin",
		"off", "--registration", "open", "--rate_register", "1000000/minute burst 100000",
		"--rate_request", "off", "--rate_join", "off", "--rate_wrong_token", "off",
		"--upkeep_interval", "1s", "--log_level", "warning", command, NULL };
	pid_t pid, parent = getpid();
	int fd;

	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (getppid() == parent && fd != -1 && dup2(fd, STDOUT_FILENO) != -1 &&
	    dup2(fd, STDERR_FILENO) != -1)
		execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int
end_program(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		assert_int_equal(errno, EINTR);
	return status;
}

/* Its address may be taken before it serves: one answer is waited for. */
static void
start(struct scene *s)
{
	const struct ask a = { .method = "GET", .path = "/v1/account" };
	const struct test_api t = { .at = s->at };
	uint64_t end_ns = clock_now().mono_ns + PATIENCE_MS * NS_PER_MS;
	bool answers = false;
	struct got got;

	s->pid = run_program(s, "serve");
	atomic_store(&s->down, false);
	while (!answers) {
		if (waitpid(s->pid, NULL, WNOHANG) != 0) {
			s->pid = 0;
			fail_msg("the service does not start");
		}
		if (clock_now().mono_ns > end_ns)
			fail_msg("the service does not answer");
		pause_ms(2);
		answers = ask_try(&t, &a, &got);
		got_free(got);
	}
}

static void
kill_it(struct scene *s)
{
	int status;

	atomic_store(&s->down, true);
	kill(s->pid, SIGKILL);
	status = end_program(s->pid);
	s->pid = 0;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Before it has said that it is ready, if it is fast enough. */
static void
kill_it_as_it_starts(struct scene *s)
{
	s->pid = run_program(s, "serve");
	pause_ms(random_below(&s->random, START_MS));
	kill_it(s);
}

/* ---- what must be there ---- */

/* The names in a folder that stand for files. */
static unsigned
files_each(const char *folder, void (*each)(int folder, const char *name))
{
	DIR *dir = opendir(folder);
	const struct dirent *e;
	unsigned count = 0;

	if (dir == NULL) /* killed before it made one */
		return 0;
	while ((e = readdir(dir)) != NULL) {
		if (e->d_type != DT_REG)
			continue;
		count++;
		if (each != NULL)
			each(dirfd(dir), e->d_name);
	}
	closedir(dir);
	return count;
}

/* As if they had been left there long ago: what nobody owns is not about to be owned. */
static void
make_old(int folder, const char *name)
{
	time_t then = (time_t)clock_now().wall_s - 2 * HOUR_S;
	struct timespec times[2] = { { .tv_sec = then }, { .tv_sec = then } };

	assert_int_equal(utimensat(folder, name, times, 0), 0);
}

static int64_t
number(struct scene *s, const char *sql)
{
	sqlite3_stmt *row;
	int64_t ret;

	assert_int_equal(sqlite3_prepare_v2(s->db, sql, -1, &row, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	ret = sqlite3_column_int64(row, 0);
	sqlite3_finalize(row);
	return ret;
}

/* That each row has its file and which, promises_check() sees; here, that each file has its row. */
static void
check_files(struct scene *s)
{
	uint64_t end_ns = clock_now().mono_ns + PATIENCE_MS * NS_PER_MS;

	assert_int_equal(files_each(s->incoming, NULL), 0);
	while (files_each(s->bundles, NULL) != number(s, "SELECT count(*) FROM bundles") ||
	       number(s, "SELECT count(*) FROM leftovers") != 0) {
		if (clock_now().mono_ns > end_ns)
			fail_msg("%u files of %d bundles, %d leftovers",
			    files_each(s->bundles, NULL),
			    (int)number(s, "SELECT count(*) FROM bundles"),
			    (int)number(s, "SELECT count(*) FROM leftovers"));
		pause_ms(5);
	}
}

static void
check_database(struct scene *s)
{
	assert_int_equal(number(s, "SELECT count(*) FROM pragma_integrity_check"
				   " WHERE integrity_check = 'ok'"),
	    1);
	assert_int_equal(number(s, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
	assert_int_equal(
	    number(s, "SELECT count(*) - count(DISTINCT flock || '-' || kek) FROM devices"), 0);
	assert_int_equal(end_program(run_program(s, "check")), 0);
}

/* With the service running, so that nobody but it has put things right. */
static void
check(struct scene *s)
{
	assert_int_equal(
	    sqlite3_open_v2(s->db_path, &s->db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	sqlite3_busy_timeout(s->db, PATIENCE_MS);
	for (unsigned n = 0; n < CLIENTS; n++)
		promises_check(s->clients[n], &s->at, s->db, s->bundles);
	check_files(s);
	check_database(s);
	sqlite3_close(s->db);
	s->db = NULL;
}

/* ---- the loop ---- */

struct client {
	struct scene *s;
	struct promises *p;
	pthread_t thread;
};

static void *
client_run(void *arg)
{
	struct client *c = arg;

	promises_go_on(c->p, &c->s->at, &c->s->down);
	return NULL;
}

/* The next bundle has got its place, but perhaps no row yet: a short moment, which chance misses.
 */
static void
wait_for_bundle(struct scene *s)
{
	struct pollfd p = { .fd = inotify_init1(IN_CLOEXEC), .events = POLLIN };

	assert_int_not_equal(p.fd, -1);
	assert_int_not_equal(inotify_add_watch(p.fd, s->bundles, IN_MOVED_TO), -1);
	poll(&p, 1, WORK_MS);
	close(p.fd);
}

static void
work_and_die(struct scene *s, bool in_upload)
{
	struct client clients[CLIENTS];

	for (unsigned n = 0; n < CLIENTS; n++) {
		clients[n] = (struct client){ .s = s, .p = s->clients[n] };
		assert_int_equal(
		    pthread_create(&clients[n].thread, NULL, client_run, &clients[n]), 0);
	}
	pause_ms(random_below(&s->random, WORK_MS));
	if (in_upload)
		wait_for_bundle(s);
	kill_it(s);
	for (unsigned n = 0; n < CLIENTS; n++)
		pthread_join(clients[n].thread, NULL);
}

static unsigned
kills_wanted(void)
{
	const char *text = getenv("KILLS");

	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : KILLS;
}

static void
what_was_acknowledged_is_there(void **state)
{
	struct scene *s = *state;
	unsigned kills = kills_wanted(), made = 0, left_open = 0;

	for (unsigned n = 0; n < kills; n++) {
		if (n % 4 == 0)
			kill_it_as_it_starts(s);
		files_each(s->bundles, make_old);
		start(s);
		check(s);
		work_and_die(s, n % 3 == 1);
	}
	start(s);
	check(s);
	for (unsigned n = 0; n < CLIENTS; n++) {
		made += promises_made(s->clients[n]);
		left_open += promises_open(s->clients[n]);
	}
	printf("# %u kills, %u promises, %u requests without an answer\n", kills + kills / 4, made,
	    left_open);
	assert_true(made > 10 * kills && left_open > kills / 2);

	kill(s->pid, SIGTERM);
	assert_int_equal(end_program(s->pid), 0);
	s->pid = 0;
	assert_int_equal(end_program(run_program(s, "check")), 0);
	s->passed = true;
}

static int
scene_begin(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	*state = s;
	random_for_test(&s->random);
	s->scratch = scratch_make();
	snprintf(s->data, sizeof(s->data), "%s/data", s->scratch.path);
	snprintf(s->db_path, sizeof(s->db_path), "%s/reliquary.db", s->data);
	snprintf(s->bundles, sizeof(s->bundles), "%s/bundles", s->data);
	snprintf(s->incoming, sizeof(s->incoming), "%s/incoming", s->bundles);
	snprintf(s->log, sizeof(s->log), "%s/log", s->scratch.path);
	endpoint_parse(&s->at, LISTEN);
	for (unsigned n = 0; n < CLIENTS; n++)
		s->clients[n] = promises_create(random_u64(&s->random));
	return 0;
}

/* What the service said is shown when something failed. */
static void
show_log(const struct scene *s)
{
	FILE *log = fopen(s->log, "re");
	char line[512];

	while (log != NULL && fgets(line, sizeof(line), log) != NULL)
		fprintf(stderr, "# %s", line);
	if (log != NULL)
		fclose(log);
}

static int
scene_end(void **state)
{
	struct scene *s = *state;

	if (s->pid != 0) {
		kill(s->pid, SIGKILL);
		end_program(s->pid);
	}
	if (!s->passed)
		show_log(s);
	sqlite3_close(s->db);
	for (unsigned n = 0; n < CLIENTS; n++)
		promises_destroy(s->clients[n]);
	scratch_remove(&s->scratch);
	free(s);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_acknowledged_is_there),
	};

	return cmocka_run_group_tests_name("api_killed", tests, scene_begin, scene_end);
}
