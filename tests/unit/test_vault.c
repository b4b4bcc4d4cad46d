/* SPDX-License-Identifier: ISC */
#include "database/vault.h"
#include "reliquary-api/auth/secret_kind.h"

#include "base/hex.h"
#include "reliquary-api/auth/token.h"
#include "tests/support/scratch.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct random randomness;
static struct scratch folder;

static struct vault *
vault_new(const char *name)
{
	struct scratch_name file = scratch_name(&folder, name);
	struct fault why = { "" };
	struct vault *v;

	if (!vault_create(file.path, &randomness, &why))
		fail_msg("%s", why.text);
	v = vault_open(file.path, &why);
	if (v == NULL)
		fail_msg("%s", why.text);
	return v;
}

/* A vault of known bytes, for what must stay as it is as long as there are databases. */
static struct vault *
vault_of(const uint8_t key[static 32], const char *name)
{
	struct scratch_name file = scratch_name(&folder, name);
	struct fault why = { "" };
	FILE *to = fopen(file.path, "w");
	struct vault *v;

	assert_non_null(to);
	assert_int_equal(fwrite(key, 1, 32, to), 32);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(chmod(file.path, 0400), 0);
	v = vault_open(file.path, &why);
	if (v == NULL)
		fail_msg("%s", why.text);
	return v;
}

static void
refused(const char *path, const char *text)
{
	struct fault why = { "" };

	assert_null(vault_open(path, &why));
	if (strstr(why.text, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, why.text);
	assert_non_null(strstr(why.text, path));
}

static void
a_new_key_file_is_its_owners_alone(void **state)
{
	struct scratch_name file = scratch_name(&folder, "own");
	mode_t before = umask(0);
	struct vault *v = vault_new("own");
	struct fault why;
	struct stat st;

	(void)state;
	umask(before);
	assert_int_equal(stat(file.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(st.st_size, 32);
	assert_false(vault_create(file.path, &randomness, &why));
	assert_non_null(strstr(why.text, "File exists"));
	vault_close(v);
	vault_close(NULL);
}

static void
a_key_file_that_others_can_read_is_refused(void **state)
{
	static const mode_t modes[] = { 0440, 0404, 0644, 0420, 0410, 0777 };
	struct scratch_name file = scratch_name(&folder, "shared");

	(void)state;
	vault_close(vault_new("shared"));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(file.path, modes[i]), 0);
		refused(file.path, "lets others at the key");
	}
	assert_int_equal(chmod(file.path, 0600), 0);
	vault_close(vault_open(file.path, &(struct fault){ "" }));
}

static void
a_key_file_of_another_user_is_refused(void **state)
{
	struct scratch_name file = scratch_name(&folder, "foreign");

	(void)state;
	if (geteuid() != 0)
		return; /* only root can give a file away */
	vault_close(vault_new("foreign"));
	assert_int_equal(chown(file.path, 65534, 65534), 0);
	refused(file.path, "belongs to user 65534");
}

static void
what_is_no_key_file_is_refused(void **state)
{
	struct scratch_name lines = scratch_write(&folder, "text", "0123456789\n");
	struct scratch_name none = scratch_name(&folder, "none");

	(void)state;
	assert_int_equal(chmod(lines.path, 0400), 0);
	refused(lines.path, "not a key file, which has 32 bytes: this one has 11");
	refused(none.path, "No such file or directory");
	refused(folder.path, "not a regular file");
}

static void
the_same_secret_hashes_differently_for_each_use(void **state)
{
	struct vault *v = vault_new("uses"), *other = vault_new("others");
	struct secret_hash hashes[SECRET_REPEAT_REQUEST + 1];

	(void)state;
	for (int kind = SECRET_ACCOUNT_KEY; kind <= SECRET_REPEAT_REQUEST; kind++) {
		struct secret_hash again = vault_hash(v, kind, "secret", 6);
		struct secret_hash theirs = vault_hash(other, kind, "secret", 6);

		hashes[kind] = vault_hash(v, kind, "secret", 6);
		assert_memory_equal(&hashes[kind], &again, sizeof(again));
		assert_memory_not_equal(&hashes[kind], &theirs, sizeof(theirs));
		for (int before = SECRET_ACCOUNT_KEY; before < kind; before++)
			assert_memory_not_equal(&hashes[before], &hashes[kind], sizeof(again));
	}
	vault_close(v);
	vault_close(other);
}

/* Computed with Python's hashlib from a key of 32 bytes 0, 1, ... 31. */
static void
what_is_in_databases_stays_readable(void **state)
{
	uint8_t key[32], name[VAULT_FINGERPRINT], mac[16];
	char text[2 * VAULT_HASH_SIZE + 1];
	struct secret_hash hash;
	struct vault *v;

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	v = vault_of(key, "known");
	vault_fingerprint(v, name);
	hash = vault_hash(v, SECRET_TOKEN, "00112233445566778899aabbccddeeff", 32);
	vault_mac(v, "abc", 3, mac);
	assert_string_equal(
	    hex_encode(text, name, sizeof(name)), "368bed15f0896a963df0b65c1eccd3bd");
	assert_string_equal(hex_encode(text, &hash, sizeof(hash)),
	    "bb583c42d43c9a36d6d9d7f05d36700d106b560d1b9a25142ce075fcc875538d");
	assert_string_equal(hex_encode(text, mac, sizeof(mac)), "1b56f9afdecc14b683ff3b43f14e2fdb");
	vault_close(v);
}

static void
what_is_sealed_opens_in_its_place_only(void **state)
{
	struct vault *v = vault_new("seals"), *other = vault_new("seals2");
	const char secret[] = "thirty-two bytes of a secret....";
	size_t len = sizeof(secret) + VAULT_SEAL_EXTRA;
	uint8_t *sealed = malloc(len), *again = malloc(len);
	char *out = malloc(sizeof(secret));

	(void)state;
	vault_seal(v, "devices.sealed/1", secret, sizeof(secret), sealed, &randomness);
	vault_seal(v, "devices.sealed/1", secret, sizeof(secret), again, &randomness);
	assert_memory_not_equal(sealed, again, len);
	assert_true(vault_open_sealed(v, "devices.sealed/1", sealed, len, out));
	assert_memory_equal(out, secret, sizeof(secret));

	assert_false(vault_open_sealed(v, "devices.sealed/2", sealed, len, out));
	for (size_t i = 0; i < sizeof(secret); i++)
		assert_int_equal(out[i], 0);
	assert_false(vault_open_sealed(other, "devices.sealed/1", sealed, len, out));
	assert_false(vault_open_sealed(v, "devices.sealed/1", sealed, VAULT_SEAL_EXTRA - 1, out));
	assert_false(vault_open_sealed(v, "devices.sealed/1", sealed, len - 1, out));
	for (size_t i = 0; i < len; i++) {
		sealed[i] ^= 0x40;
		assert_false(vault_open_sealed(v, "devices.sealed/1", sealed, len, out));
		sealed[i] ^= 0x40;
	}
	assert_true(vault_open_sealed(v, "devices.sealed/1", sealed, len, out));
	free(sealed);
	free(again);
	free(out);
	vault_close(v);
	vault_close(other);
}

static void
nothing_can_be_sealed_too(void **state)
{
	struct vault *v = vault_new("empty");
	uint8_t sealed[VAULT_SEAL_EXTRA], out[1];

	(void)state;
	vault_seal(v, "x", "", 0, sealed, &randomness);
	assert_true(vault_open_sealed(v, "x", sealed, sizeof(sealed), out));
	vault_close(v);
}

static void
tokens_are_lower_case_hex(void **state)
{
	static const struct {
		const char *text;
		size_t digits;
		bool want;
	} cases[] = {
		{ "0123456789abcdef", 16, true },
		{ "0123456789abcdef", 32, false },
		{ "0123456789abcde", 16, false },
		{ "0123456789abcdefa", 16, false },
		{ "0123456789abcdeF", 16, false },
		{ "0123456789abcdeg", 16, false },
		{ " 123456789abcdef", 16, false },
		{ "0123456789abcde\n", 16, false },
		{ "", 16, false },
		{ "", 0, true },
	};
	char token[TOKEN_TEXT], other[TOKEN_TEXT], key[ACCOUNT_KEY_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (token_plausible(cases[i].text, cases[i].digits) != cases[i].want)
			fail_msg("\"%s\" of %zu digits", cases[i].text, cases[i].digits);
	}
	token_new(token, 16, &randomness);
	token_new(other, 16, &randomness);
	token_new(key, 32, &randomness);
	assert_true(token_plausible(token, 32));
	assert_true(token_plausible(key, 64));
	assert_string_not_equal(token, other);
}

static int
set_up(void **state)
{
	(void)state;
	random_for_test(&randomness);
	folder = scratch_make();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(&folder);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_key_file_is_its_owners_alone),
		cmocka_unit_test(a_key_file_that_others_can_read_is_refused),
		cmocka_unit_test(a_key_file_of_another_user_is_refused),
		cmocka_unit_test(what_is_no_key_file_is_refused),
		cmocka_unit_test(the_same_secret_hashes_differently_for_each_use),
		cmocka_unit_test(what_is_in_databases_stays_readable),
		cmocka_unit_test(what_is_sealed_opens_in_its_place_only),
		cmocka_unit_test(nothing_can_be_sealed_too),
		cmocka_unit_test(tokens_are_lower_case_hex),
	};

	return cmocka_run_group_tests_name("vault", tests, set_up, tear_down);
}
