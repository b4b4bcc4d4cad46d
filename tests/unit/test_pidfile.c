/* SPDX-License-Identifier: ISC */
#include "cathedral/pidfile.h"

#include "base/file.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_it_holds_the_process_id_and_goes(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name path = scratch_write(&s, "pid", "123456789 of one that was killed\n");
	struct pidfile p = PIDFILE_NONE;
	struct fault why = { "" };
	char expected[32];
	uint8_t *text;
	size_t len;

	(void)state;
	if (!pidfile_open(&p, path.path, &why))
		fail_msg("%s", why.text);
	assert_true(file_read(&text, &len, path.path, 100, &why));
	snprintf(expected, sizeof(expected), "%d\n", (int)getpid());
	assert_string_equal((const char *)text, expected);
	free(text);
	pidfile_close(&p);
	assert_int_equal(access(path.path, F_OK), -1);
	pidfile_close(&p); /* twice is fine */
	scratch_remove(&s);
}

static void
test_a_second_one_is_refused(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name path = scratch_name(&s, "pid");
	struct pidfile p = PIDFILE_NONE, q = PIDFILE_NONE;
	struct fault why;
	char expected[1024];

	(void)state;
	assert_true(pidfile_open(&p, path.path, &why));
	assert_false(pidfile_open(&q, path.path, &why));
	snprintf(expected, sizeof(expected), "pidfile %s: another process holds it", path.path);
	assert_string_equal(why.text, expected);
	pidfile_close(&q);
	assert_int_equal(access(path.path, F_OK), 0); /* it is the first one's still */
	pidfile_close(&p);
	scratch_remove(&s);
}

/* It goes from one process to another, who each know when it is theirs. */
static void
test_it_changes_hands(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name path = scratch_name(&s, "pid");
	struct pidfile p = PIDFILE_NONE, q = PIDFILE_NONE, r = PIDFILE_NONE;
	struct fault why;

	(void)state;
	assert_true(pidfile_open(&p, path.path, &why));
	pidfile_take(&q, dup(p.fd), path.path);
	pidfile_close(&q); /* it never was its own */
	assert_int_equal(access(path.path, F_OK), 0);

	pidfile_take(&q, dup(p.fd), path.path);
	assert_true(pidfile_write(&q));
	pidfile_leave(&p);
	pidfile_close(&p);
	assert_int_equal(access(path.path, F_OK), 0);
	assert_false(pidfile_open(&r, path.path, &why)); /* still locked */
	pidfile_close(&q);
	assert_int_equal(access(path.path, F_OK), -1);
	assert_true(pidfile_write(&q)); /* there is none */
	scratch_remove(&s);
}

static void
test_where_it_cannot_be(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name link = scratch_name(&s, "link"), away = scratch_name(&s, "away/pid");
	struct pidfile p = PIDFILE_NONE;
	struct fault why;
	char expected[1024];

	(void)state;
	assert_false(pidfile_open(&p, away.path, &why));
	snprintf(expected, sizeof(expected), "pidfile %s: No such file or directory", away.path);
	assert_string_equal(why.text, expected);

	/* Root must not be led to write elsewhere. */
	assert_int_equal(symlink("/dev/null", link.path), 0);
	assert_false(pidfile_open(&p, link.path, &why));
	assert_true(pidfile_open(&p, "", &why)); /* none is asked for */
	pidfile_close(&p);
	scratch_remove(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_holds_the_process_id_and_goes),
		cmocka_unit_test(test_a_second_one_is_refused),
		cmocka_unit_test(test_it_changes_hands),
		cmocka_unit_test(test_where_it_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
