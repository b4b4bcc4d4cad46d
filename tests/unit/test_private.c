/* SPDX-License-Identifier: ISC */
#include "base/private.h"

#include "tests/support/scratch.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#define ACL_NAME "system.posix_acl_access"

static struct scratch scratch;

static void
assert_refused(const char *path, const char *text)
{
	struct fault why = { "" };
	char out[8] = "";

	assert_int_equal(private_read(out, sizeof(out), path, "secret", &why), -1);
	if (strstr(why.text, text) == NULL || strstr(why.text, path) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, why.text);
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
}

static void
assert_taken(const char *path, const char *text)
{
	size_t len = strlen(text);
	char *out = malloc(len);
	struct fault why = { "" };

	if (private_read(out, len, path, "secret", &why) != (ssize_t)len)
		fail_msg("%s", why.text);
	assert_memory_equal(out, text, len);
	free(out);
}

static void
what_only_its_owner_reads_is_taken(void **state)
{
	struct scratch_name n = scratch_write(&scratch, "f", "secret");
	static const mode_t others[] = { 0440, 0404, 0410, 0420, 0401, 0644, 0777 };
	char mode[32];

	(void)state;
	assert_int_equal(chmod(n.path, 0400), 0);
	assert_taken(n.path, "secret");
	assert_int_equal(chmod(n.path, 0600), 0);
	assert_taken(n.path, "secret");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(chmod(n.path, others[i]), 0);
		snprintf(mode, sizeof(mode), "its mode %03o", (unsigned)others[i]);
		assert_refused(n.path, mode);
		assert_refused(n.path, " lets others at the secret: chmod 400 /");
		assert_refused(n.path, ", once you know that nobody has a copy");
	}
}

static void
what_is_another_users_is_refused(void **state)
{
	struct scratch_name n = scratch_write(&scratch, "f", "secret");

	(void)state;
	if (geteuid() != 0)
		return; /* only root can give a file away */
	assert_int_equal(chmod(n.path, 0400), 0);
	assert_int_equal(chown(n.path, 65534, 65534), 0);
	assert_refused(
	    n.path, "belongs to user 65534, who is neither this program's user nor root");
	assert_int_equal(chmod(scratch.path, 0755), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_taken(n.path, "secret");
	assert_int_equal(seteuid(0), 0);
}

static void
what_is_no_file_is_refused(void **state)
{
	struct scratch_name none = scratch_name(&scratch, "none");
	struct scratch_name fifo = scratch_name(&scratch, "fifo");

	(void)state;
	assert_refused(none.path, "No such file or directory");
	assert_refused(scratch.path, "not a regular file");
	assert_int_equal(mkfifo(fifo.path, 0400), 0);
	assert_refused(fifo.path, "not a regular file");
}

static void
how_long_it_is_is_said_and_no_more_read(void **state)
{
	struct scratch_name n = scratch_write(&scratch, "f", "0123456789");
	struct scratch_name empty = scratch_write(&scratch, "empty", "");
	char *out = malloc(4);
	struct fault why = { "" };

	(void)state;
	assert_int_equal(chmod(n.path, 0400), 0);
	assert_int_equal(chmod(empty.path, 0400), 0);
	assert_int_equal(private_read(out, 4, n.path, "secret", &why), 10);
	assert_memory_equal(out, "0123", 4);
	assert_int_equal(private_read(out, 4, empty.path, "secret", &why), 0);
	free(out);
}

/* ---- access lists ---- */

struct rule {
	uint16_t tag, perm;
	uint32_t id;
};

/* Gives the file an access list; false where the file system knows none. */
static bool
set_list(const char *path, const struct rule *rules, size_t count)
{
	struct posix_acl_xattr_header head = { htole32(POSIX_ACL_XATTR_VERSION) };
	uint8_t list[sizeof(head) + 8 * sizeof(struct posix_acl_xattr_entry)];
	size_t len = sizeof(head);

	memcpy(list, &head, sizeof(head));
	for (size_t i = 0; i < count && rules[i].tag != 0; i++) {
		struct posix_acl_xattr_entry e = { htole16(rules[i].tag), htole16(rules[i].perm),
			htole32(rules[i].id) };

		memcpy(list + len, &e, sizeof(e));
		len += sizeof(e);
	}
	if (setxattr(path, ACL_NAME, list, len, 0) == 0)
		return true;
	assert_int_equal(errno, EOPNOTSUPP);
	return false;
}

#define NOBODY 65534
#define NO_ID  ACL_UNDEFINED_ID

/* As systemd hands a credential to a service: of root, and its user is in the list. */
static void
a_list_may_name_this_user_and_nobody_else(void **state)
{
	const uint32_t us = geteuid();
	const struct {
		struct rule rules[7];
		mode_t mode;
		bool taken;
	} cases[] = {
		{ { { ACL_USER_OBJ, 4, NO_ID }, { ACL_USER, 4, us }, { ACL_GROUP_OBJ, 0, NO_ID },
		      { ACL_MASK, 4, NO_ID }, { ACL_OTHER, 0, NO_ID } },
		    0440, true },
		{ { { ACL_USER_OBJ, 4, NO_ID }, { ACL_USER, 4, us }, { ACL_USER, 4, NOBODY },
		      { ACL_GROUP_OBJ, 0, NO_ID }, { ACL_MASK, 4, NO_ID },
		      { ACL_OTHER, 0, NO_ID } },
		    0440, false },
		{ { { ACL_USER_OBJ, 4, NO_ID }, { ACL_USER, 4, us }, { ACL_USER, 0, NOBODY },
		      { ACL_GROUP_OBJ, 0, NO_ID }, { ACL_MASK, 4, NO_ID },
		      { ACL_OTHER, 0, NO_ID } },
		    0440, true },
		{ { { ACL_USER_OBJ, 4, NO_ID }, { ACL_USER, 4, us }, { ACL_GROUP_OBJ, 4, NO_ID },
		      { ACL_MASK, 4, NO_ID }, { ACL_OTHER, 0, NO_ID } },
		    0440, false },
		{ { { ACL_USER_OBJ, 4, NO_ID }, { ACL_USER, 4, us }, { ACL_GROUP_OBJ, 0, NO_ID },
		      { ACL_GROUP, 4, 1 }, { ACL_MASK, 4, NO_ID }, { ACL_OTHER, 0, NO_ID } },
		    0440, false },
		{ { { ACL_USER_OBJ, 4, NO_ID }, { ACL_USER, 4, us }, { ACL_GROUP_OBJ, 0, NO_ID },
		      { ACL_MASK, 4, NO_ID }, { ACL_OTHER, 4, NO_ID } },
		    0444, false },
		{ { { ACL_USER_OBJ, 4, NO_ID }, { ACL_USER, 6, NOBODY },
		      { ACL_GROUP_OBJ, 0, NO_ID }, { ACL_MASK, 2, NO_ID },
		      { ACL_OTHER, 0, NO_ID } },
		    0420, false },
		/* A mask that leaves nothing to them: chmod 400 does this. */
		{ { { ACL_USER_OBJ, 4, NO_ID }, { ACL_USER, 4, NOBODY },
		      { ACL_GROUP_OBJ, 0, NO_ID }, { ACL_MASK, 0, NO_ID },
		      { ACL_OTHER, 0, NO_ID } },
		    0400, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scratch_name n = scratch_write(&scratch, "f", "secret");
		struct stat st;

		if (!set_list(n.path, cases[i].rules, 7))
			return;
		assert_int_equal(stat(n.path, &st), 0);
		assert_int_equal(st.st_mode & 0777, cases[i].mode);
		print_message("# list %zu\n", i);
		if (cases[i].taken)
			assert_taken(n.path, "secret");
		else
			assert_refused(n.path, "lets others at the secret");
		assert_int_equal(unlink(n.path), 0);
	}
}

/* More than anybody needs is not looked through, and lets somebody else in. */
static void
a_list_without_end_is_refused(void **state)
{
	enum { MANY = 80 };
	struct scratch_name n = scratch_write(&scratch, "f", "secret");
	struct posix_acl_xattr_header head = { htole32(POSIX_ACL_XATTR_VERSION) };
	struct posix_acl_xattr_entry e[MANY + 4] = { { htole16(ACL_USER_OBJ), htole16(4),
	    htole32(NO_ID) } };
	uint8_t list[sizeof(head) + sizeof(e)];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		e[1 + i] =
		    (struct posix_acl_xattr_entry){ htole16(ACL_USER), 0, htole32(1000 + i) };
	e[MANY + 1] = (struct posix_acl_xattr_entry){ htole16(ACL_GROUP_OBJ), 0, htole32(NO_ID) };
	e[MANY + 2] =
	    (struct posix_acl_xattr_entry){ htole16(ACL_MASK), htole16(4), htole32(NO_ID) };
	e[MANY + 3] = (struct posix_acl_xattr_entry){ htole16(ACL_OTHER), 0, htole32(NO_ID) };
	memcpy(list, &head, sizeof(head));
	memcpy(list + sizeof(head), e, sizeof(e));
	if (setxattr(n.path, ACL_NAME, list, sizeof(list), 0) == -1) {
		assert_int_equal(errno, EOPNOTSUPP);
		return;
	}
	assert_refused(n.path, "lets others at the secret");
}

static int
set_up(void **state)
{
	(void)state;
	scratch = scratch_make();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(&scratch);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_only_its_owner_reads_is_taken),
		TEST(what_is_another_users_is_refused),
		TEST(what_is_no_file_is_refused),
		TEST(how_long_it_is_is_said_and_no_more_read),
		TEST(a_list_may_name_this_user_and_nobody_else),
		TEST(a_list_without_end_is_refused),
	};

	return cmocka_run_group_tests_name("private", tests, NULL, NULL);
}
