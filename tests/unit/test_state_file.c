/* SPDX-License-Identifier: ISC */
/* What is known, in a file for the next start; and files that are left alone. */
#include "cathedral/io/state_file.h"

#include "base/file.h"
#include "tests/support/heritage.h"
#include "tests/support/scratch.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_MAX (16u << 20)

struct fixture {
	struct scratch scratch;
	struct scratch_name path;
	struct small_site first, next;
	struct bequest_counts counts;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->scratch = scratch_make();
	f->path = scratch_name(&f->scratch, "state");
	small_site_open(&f->first);
	small_site_open(&f->next);
	random_for_test(&f->first.random);
	heritage_listen(f->first.site, 2);
	heritage_listen(f->next.site, 2);
	heritage_fill(&f->first, 3000);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	small_site_close(&f->first);
	small_site_close(&f->next);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void
write_state(struct fixture *f)
{
	const struct state_file file = { f->path.path, BEQUEST_STATE };
	struct fault why = { "" };

	if (!state_file_write(&file, f->first.site, clock_now(), &f->counts, &why))
		fail_msg("%s", why.text);
}

static enum state_file_result
read_at(struct fixture *f, struct instant now, struct fault *why)
{
	const struct state_file file = { f->path.path, BEQUEST_STATE };

	return state_file_read(&file, f->next.site, now, &f->counts, why);
}

static void
expect_wrong(struct fixture *f, const char *text)
{
	struct fault why = { "" };

	assert_int_equal(read_at(f, clock_now(), &why), STATE_WRONG);
	if (strstr(why.text, text) == NULL)
		fail_msg("%s", why.text);
}

static void
test_it_comes_back(void **state)
{
	struct fixture *f = *state;
	struct fault why = { "" };
	struct stat st;

	write_state(f);
	assert_int_equal(f->counts.tunnels, 3000);
	assert_int_equal(f->counts.replays, 0);
	assert_int_equal(stat(f->path.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	write_state(f); /* over the one before */
	assert_int_equal(read_at(f, clock_now(), &why), STATE_READ);
	assert_int_equal(f->counts.tunnels, 3000);
	assert_int_equal(tunnels_count(f->next.site->tunnels), 3000);
	assert_int_equal(
	    liturgies_count(f->next.site->liturgies), liturgies_count(f->first.site->liturgies));
	assert_int_equal(identities_count(f->next.site->identities),
	    identities_count(f->first.site->identities));
	assert_int_equal(replay_count(f->next.site->replay), 0);
}

static void
test_old_ones_are_left_alone(void **state)
{
	struct fixture *f = *state;
	struct instant later = clock_now();
	struct fault why = { "" };

	assert_int_equal(read_at(f, later, &why), STATE_NONE);
	write_state(f);
	later.mono_ns += IDENTITY_HINT_TTL_NS + NS_PER_S;
	later.wall_s += 631;
	assert_int_equal(read_at(f, later, &why), STATE_OLD);
	assert_int_equal(tunnels_count(f->next.site->tunnels), 0);
	later.mono_ns = 1; /* another start of the machine */
	assert_int_equal(read_at(f, later, &why), STATE_WRONG);
}

/* Who was where is known for longer than tunnels live: it finds those who come back. */
static void
test_after_a_long_pause_hints_are_left(void **state)
{
	struct fixture *f = *state;
	struct instant later = clock_now();
	struct fault why = { "" };

	write_state(f);
	later.mono_ns += 400 * NS_PER_S;
	later.wall_s += 400;
	assert_int_equal(read_at(f, later, &why), STATE_READ);
	assert_int_equal(tunnels_count(f->next.site->tunnels), 0);
	assert_int_equal(liturgies_count(f->next.site->liturgies), 0);
	assert_int_equal(identities_count(f->next.site->identities), 0);
	/* Of two hundred; some may have had one address. */
	assert_in_range(f->counts.identities, 390, 400);
}

static void
test_parts_of_one_are_noticed(void **state)
{
	struct fixture *f = *state;
	struct fault why;
	uint8_t *bytes;
	size_t len;

	write_state(f);
	assert_true(file_read(&bytes, &len, f->path.path, FILE_MAX, &why));
	for (size_t cut = 0; cut < len; cut += 1 + len / 50) {
		assert_true(file_replace(f->path.path, 0600, bytes, cut, &why));
		expect_wrong(f, ": its end is missing");
	}
	/* One that claims to be longer than any frame. */
	memset(bytes, 0xff, len);
	assert_true(file_replace(f->path.path, 0600, bytes, len, &why));
	expect_wrong(f, ": it is not made of frames");
	free(bytes);
}

static void
test_whose_it_is_matters(void **state)
{
	struct fixture *f = *state;
	struct scratch_name real = scratch_name(&f->scratch, "real");

	write_state(f);
	assert_int_equal(chmod(f->path.path, 0620), 0);
	expect_wrong(f, ": Operation not permitted");
	assert_int_equal(chmod(f->path.path, 0600), 0);
	assert_int_equal(rename(f->path.path, real.path), 0);
	assert_int_equal(symlink(real.path, f->path.path), 0);
	expect_wrong(f, ": Too many levels of symbolic links");
}

static void
test_where_it_cannot_be_written(void **state)
{
	struct fixture *f = *state;
	const struct state_file file = { "/nonexistent/state", BEQUEST_STATE };
	struct fault why = { "" };

	assert_false(state_file_write(&file, f->first.site, clock_now(), &f->counts, &why));
	assert_string_equal(why.text, "state /nonexistent/state: No such file or directory");
}

/* ---- the file of budgets ---- */

static const struct flock_id flock = { 0xcafeba00 };

static enum state_file_result
pass_budgets(struct fixture *f, enum bequest_scope written, struct instant now, struct fault *why)
{
	struct state_file file = { f->path.path, written };

	small_site_add_budget(&f->first, 1000000, 2000000, 5000);
	small_site_add_budget(&f->next, 1000000, 2000000, 0);
	if (!state_file_write(&file, f->first.site, clock_now(), &f->counts, why))
		fail_msg("%s", why->text);
	file.scope = BEQUEST_MONTHS;
	return state_file_read(&file, f->next.site, now, &f->counts, why);
}

static void
expect_used(struct fixture *f, struct instant now, uint64_t used)
{
	struct budget_report r;

	budget_tick(f->next.site->budget, now, NULL, NULL);
	budget_report(f->next.site->budget, &r);
	assert_int_equal(r.used, used);
	assert_true(budget_report_flock(f->next.site->budget, flock, &r));
	assert_int_equal(r.used, used);
}

/* Of another start of the machine, when its clock began anew; nothing else is in it. */
static void
test_budgets_outlive_the_machine(void **state)
{
	struct fixture *f = *state;
	struct instant now = clock_now();
	struct fault why = { "" };

	now.mono_ns = 3 * NS_PER_S;
	assert_int_equal(pass_budgets(f, BEQUEST_MONTHS, now, &why), STATE_READ);
	assert_int_equal(f->counts.budgets, 2);
	assert_int_equal(f->counts.tunnels, 0);
	expect_used(f, now, 5000);
}

static void
test_tables_are_no_budgets(void **state)
{
	struct fixture *f = *state;
	struct fault why = { "" }, expected;

	assert_int_equal(pass_budgets(f, BEQUEST_STATE, clock_now(), &why), STATE_WRONG);
	fault_set(&expected, "budget_file %s: it is not about budgets", f->path.path);
	assert_string_equal(why.text, expected.text);
}

static void
test_budgets_that_are_damaged_are_said_to_be(void **state)
{
	const struct state_file file = { ((struct fixture *)*state)->path.path, BEQUEST_MONTHS };
	struct fixture *f = *state;
	struct fault why = { "" }, expected;
	struct stat st;

	assert_int_equal(pass_budgets(f, BEQUEST_MONTHS, clock_now(), &why), STATE_READ);
	assert_int_equal(stat(file.path, &st), 0);
	for (off_t len = st.st_size - 1; len > 0; len -= 7) {
		assert_int_equal(truncate(file.path, len), 0);
		assert_int_equal(
		    state_file_read(&file, f->next.site, clock_now(), &f->counts, &why),
		    STATE_WRONG);
	}
	fault_set(&expected, "budget_file %s: its end is missing", file.path);
	assert_string_equal(why.text, expected.text);
	expect_used(f, clock_now(), 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_it_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_budgets_outlive_the_machine, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tables_are_no_budgets, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_budgets_that_are_damaged_are_said_to_be, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_ones_are_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_after_a_long_pause_hints_are_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts_of_one_are_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_whose_it_is_matters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_where_it_cannot_be_written, setup, teardown),
	};

	return cmocka_run_group_tests_name("state_file", tests, NULL, NULL);
}
