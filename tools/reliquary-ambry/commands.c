/* SPDX-License-Identifier: ISC */
#include "tools/reliquary-ambry/commands.h"

#include "base/file.h"
#include "base/hex.h"
#include "protocol/crypto/secret.h"
#include "protocol/crypto/sign.h"
#include "protocol/wire/bundle.h"
#include "tools/reliquary-ambry/inspect.h"
#include "tools/reliquary-ambry/maker.h"
#include "tools/reliquary-ambry/renew.h"
#include "tools/reliquary-ambry/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum outcome
outcome_of(bool ok)
{
	return ok ? OUTCOME_DONE : OUTCOME_FAILED;
}

/* A flock as people write it; keys belong to all of its domains, so none may be named. */
static bool
read_flock(struct flock_id *ret, const char *text, struct fault *why)
{
	struct flock_id flock;

	if (!hex_u64(&flock.value, text, UINT64_MAX) || flock_base(flock).value == 0)
		return fault_set(why, "%s: not a flock, such as cafeba00", text);
	if (flock_domain(flock) != 0)
		return fault_set(why, "%s: names a domain; keys are for the whole flock, %" PRIx64,
		    text, flock_base(flock).value);
	*ret = flock;
	return true;
}

static bool
read_number(uint8_t *ret, const char *text, struct fault *why)
{
	uint64_t number;

	if (!hex_u64(&number, text, KEK_NUMBER_MAX) || number < KEK_NUMBER_MIN)
		return fault_set(why, "%s: not a KEK number, 0x01 to 0xff", text);
	*ret = (uint8_t)number;
	return true;
}

static enum outcome
run_generate(const struct call *c, struct fault *why)
{
	struct flock_id flock;

	if (!read_flock(&flock, c->words[0], why))
		return OUTCOME_USAGE;
	if (!tree_generate(flock, c->random, why))
		return OUTCOME_FAILED;
	printf("%016" PRIx64 ": generated 255 KEKs\n", flock.value);
	return OUTCOME_DONE;
}

/* The kernel's generator, spread by ours: a system call for each of 65,025 secrets is slow. */
static void
random_secret(struct tunnel_secret *ret, uint8_t a, uint8_t b, void *context)
{
	(void)a;
	(void)b;
	random_bytes(context, ret->bytes, sizeof(ret->bytes));
}

static bool
write_bundle(const struct call *c, const struct maker *k, struct fault *why)
{
	const char *file = c->words[3];
	size_t size = maker_size(k);
	uint8_t *bytes = malloc(size);
	bool ok;

	if (bytes == NULL)
		return fault_set(why, "no memory for %zu bytes", size);
	maker_run(k, bytes);
	ok = c->force ? file_replace(file, 0600, bytes, size, why)
		      : file_create(file, 0600, bytes, size, why);
	free(bytes);
	if (ok)
		printf("%s: generated %zu tunnels, generation 0x%08" PRIx32 "\n", file,
		    maker_tunnels(k), k->head.generation);
	return ok;
}

/* Both sides' keys, in memory that is wiped. */
struct rings {
	struct key_ring a, b;
};

static bool
make_bundle(const struct call *c, struct maker *k, struct fault *why)
{
	struct rings *rings = secret_alloc(sizeof(*rings));
	bool one_flock = flock_equal(k->a, k->b), ok;

	if (rings == NULL)
		return fault_set(why, "no memory for keys");
	k->ring_a = &rings->a;
	k->ring_b = one_flock ? &rings->a : &rings->b;
	ok = tree_read_ring(&rings->a, k->a, k->b, why) &&
	     (one_flock || tree_read_ring(&rings->b, k->b, k->a, why)) && write_bundle(c, k, why);
	secret_free(rings, sizeof(*rings));
	return ok;
}

static enum outcome
run_bundle(const struct call *c, struct fault *why)
{
	struct maker k = { .secret = random_secret, .context = c->random };
	struct stat st;
	uint64_t days;

	if (!read_flock(&k.a, c->words[0], why) || !read_flock(&k.b, c->words[1], why))
		return OUTCOME_USAGE;
	if (!decimal_u64(&days, c->words[2], UINT64_MAX)) {
		fault_set(why, "%s: not a number of days", c->words[2]);
		return OUTCOME_USAGE;
	}
	if (!maker_expires(&k.head.expires, days, c->now.wall_s, why))
		return OUTCOME_USAGE;
	/* Before the work; file_create() makes sure once more. */
	if (!c->force && lstat(c->words[3], &st) == 0)
		return outcome_of(
		    fault_set(why, "%s: is there already; --force replaces it", c->words[3]));

	k.head.generation = (uint32_t)random_u64(c->random);
	random_bytes(c->random, k.head.seed, sizeof(k.head.seed));
	return outcome_of(make_bundle(c, &k, why));
}

static enum outcome
run_export(const struct call *c, struct fault *why)
{
	struct flock_id a, b;
	char folder[TREE_PATH_MAX];

	if (!read_flock(&a, c->words[0], why) || !read_flock(&b, c->words[1], why))
		return OUTCOME_USAGE;
	if (flock_equal(a, b)) {
		fault_set(why, "both flocks are %" PRIx64, a.value);
		return OUTCOME_USAGE;
	}
	if (!tree_export(a, b, why))
		return OUTCOME_FAILED;
	tree_ring_folder(folder, a, b);
	printf("%s: exported 255 keys\n"
	       "Hand this folder to the owner of flock %" PRIx64 ", to be put at the same place.\n",
	    folder, b.value);
	return OUTCOME_DONE;
}

static enum outcome
run_renew(const struct call *c, struct fault *why)
{
	struct renewal done;
	struct flock_id flock;
	char path[TREE_PATH_MAX];
	uint8_t number = 0;

	if (!read_flock(&flock, c->words[0], why) || !read_number(&number, c->words[1], why))
		return OUTCOME_USAGE;
	if (!kek_renew(&done, flock, number, c->random, why))
		return OUTCOME_FAILED;

	tree_kek_path(path, flock, number);
	printf("%s: renewed; the old key is kek-0x%02x.old-%u\n"
	       "Give it to its device, then make and upload new bundles.\n",
	    path, number, done.old);
	for (size_t i = 0; i < done.other_count; i++) {
		tree_ring_path(path, flock, done.others[i], number);
		printf("Hand %s to the owner of flock %" PRIx64 " again.\n", path,
		    done.others[i].value);
	}
	return OUTCOME_DONE;
}

static enum outcome
run_cosk_pair(const struct call *c, struct fault *why)
{
	const char *private_file = c->words[0], *public_file = c->words[1];
	struct cosk_secret secret;
	struct cosk_public public;
	uint8_t seed[32];
	bool ok;

	random_bytes(c->random, seed, sizeof(seed));
	sign_key_pair(&secret, &public, seed);
	secret_wipe(seed, sizeof(seed));
	ok = file_create(private_file, 0400, secret.bytes, sizeof(secret.bytes), why);
	secret_wipe(&secret, sizeof(secret));
	if (!ok)
		return OUTCOME_FAILED;
	if (!file_create(public_file, 0444, public.bytes, sizeof(public.bytes), why)) {
		unlink(private_file); /* made just now, and useless without its other half */
		return OUTCOME_FAILED;
	}
	printf("%s: private key\n%s: public key\n", private_file, public_file);
	return OUTCOME_DONE;
}

static enum outcome
run_inspect(const struct call *c, struct fault *why)
{
	return outcome_of(inspect_file(c->words[0], c->now.wall_s, why));
}

const struct command commands[] = {
	{ "generate", "FLOCK", 1, run_generate, "make the 255 KEKs of a new flock" },
	{ "bundle", "FLOCK_A FLOCK_B DAYS FILE", 4, run_bundle,
	    "make an ambry bundle for two flocks, or for one (named twice)" },
	{ "export", "FLOCK_A FLOCK_B", 2, run_export,
	    "make what B's owner needs of A's keys for bundles between the two" },
	{ "renew", "FLOCK NN", 2, run_renew, "put a new KEK in the place of number NN" },
	{ "cosk-pair", "PRIVATE PUBLIC", 2, run_cosk_pair, "make a device's signing key pair" },
	{ "inspect", "FILE", 1, run_inspect, "check a bundle and say what is in it" },
	{ 0 },
};
