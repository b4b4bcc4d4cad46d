/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/roster.h"

#include "base/conf.h"
#include "base/file.h"
#include "base/hex.h"
#include "protocol/crypto/kmac.h"
#include "protocol/crypto/secret.h"
#include "protocol/crypto/sign.h"
#include "protocol/wire/cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The upper bits of all flocks of such fleets: so they are told from anybody's own. */
#define FLOCK_MARK UINT64_C(0x10ad)
#define PATH_SIZE  4096

struct flock_id
roster_flock(uint64_t n)
{
	return (struct flock_id){ (FLOCK_MARK << 40 | (n + 1)) << 8 };
}

struct device_id
roster_device(uint64_t n, uint8_t d)
{
	return (struct device_id){ (uint32_t)(n << 8 | d) };
}

static void
derive(uint8_t out[static 32], const struct roster *r, uint64_t n, const char *label)
{
	uint8_t input[8];
	struct writer w = writer_over(input, sizeof(input));

	writer_be64(&w, n);
	kmac256(out, 32, r->seed.bytes, sizeof(r->seed.bytes), input, sizeof(input), label);
}

void
roster_secret(const struct roster *r, uint64_t n, struct cathedral_secret *ret)
{
	derive(ret->bytes, r, n, "CATHEDRAL-LOAD.CS");
}

void
roster_signing(
    const struct roster *r, uint64_t n, struct cosk_secret *secret, struct cosk_public *public)
{
	uint8_t seed[32];

	derive(seed, r, n, "CATHEDRAL-LOAD.COSK");
	sign_key_pair(secret, public, seed);
	secret_wipe(seed, sizeof(seed));
}

uint64_t
roster_tunnels(const struct roster *r)
{
	return r->flocks * (r->devices / 2);
}

struct roster_tunnel
roster_tunnel(const struct roster *r, uint64_t t)
{
	uint64_t pairs = r->devices / 2;
	uint8_t first = (uint8_t)(t % pairs * 2 + 1);

	return (struct roster_tunnel){ t / pairs, first, (uint8_t)(first + 1) };
}

static bool
parse_seed(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct roster *r = conf;

	if (count != 1 || !hex_decode(r->seed.bytes, sizeof(r->seed.bytes), words[0]))
		return fault_set(why, "is 64 hex digits");
	return true;
}

#define FIELD(name, from, to)                                                                      \
	.type = CONF_UINT, .offset = offsetof(struct roster, name), .min = (from), .max = (to),    \
	.required = true

static const struct conf_option options[] = {
	{ "flocks", FIELD(flocks, 1, ROSTER_FLOCKS_MAX) },
	{ "devices", FIELD(devices, 2, ROSTER_DEVICES_MAX) },
	{ "mbit", FIELD(mbit, 0, 1000000) },
	{ "seed", .type = CONF_PARSE, .parse = parse_seed, .required = true },
	{ 0 },
};

static bool
path_of(char path[static PATH_SIZE], const char *folder, struct fault *why)
{
	int len = snprintf(path, PATH_SIZE, "%s/fleet", folder);

	return (len > 0 && len < PATH_SIZE) || fault_set(why, "the folder's name is too long");
}

bool
roster_read(struct roster *ret, const char *folder, struct fault *why)
{
	char path[PATH_SIZE];
	struct roster r = { 0 };
	struct stat st;

	if (!path_of(path, folder, why))
		return false;
	if (stat(path, &st) == -1)
		return fault_set(
		    why, "%s: %s; cathedral-load make makes a fleet", path, strerror(errno));
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return fault_set(why, "%s: others may read it; chmod 600 helps", path);
	if (!conf_load(&r, options, path, why))
		return false;
	if (r.devices % 2 != 0)
		return fault_set(why, "%s: devices: %" PRIu64 " is not even", path, r.devices);
	*ret = r;
	return true;
}

bool
roster_write(const struct roster *r, const char *folder, struct fault *why)
{
	char path[PATH_SIZE], seed[2 * sizeof(r->seed) + 1], text[512];
	bool ok;
	int len;

	if (!path_of(path, folder, why))
		return false;
	len = snprintf(text, sizeof(text),
	    "# A synthetic fleet of cathedral-load(1).  All secrets of its devices follow from the "
	    "seed.\n"
	    "flocks %" PRIu64 "\ndevices %" PRIu64 "\nmbit %" PRIu64 "\nseed %s\n",
	    r->flocks, r->devices, r->mbit, hex_encode(seed, r->seed.bytes, sizeof(r->seed.bytes)));
	ok = file_create(path, 0600, text, (size_t)len, why);
	secret_wipe(text, sizeof(text));
	secret_wipe(seed, sizeof(seed));
	return ok;
}
