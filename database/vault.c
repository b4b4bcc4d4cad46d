/* SPDX-License-Identifier: ISC */
#include "database/vault.h"

#include "base/file.h"
#include "base/private.h"
#include "protocol/crypto/secret.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define KEY_SIZE crypto_kdf_KEYBYTES

_Static_assert(VAULT_SEAL_EXTRA == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES +
				       crypto_aead_xchacha20poly1305_ietf_ABYTES,
    "what sealing adds is a nonce and a tag");

/* A key for each thing that is done with the one in the file, which is not kept. */
struct vault {
	uint8_t hash[32];
	uint8_t seal[32];
	uint8_t mac[32];
	uint8_t fingerprint[VAULT_FINGERPRINT];
};

bool
vault_create(const char *path, struct random *random, struct fault *why)
{
	uint8_t key[KEY_SIZE];
	bool ok;

	random_bytes(random, key, sizeof(key));
	ok = file_create(path, 0400, key, sizeof(key), why);
	secret_wipe(key, sizeof(key));
	return ok;
}

static bool
read_key(uint8_t key[static KEY_SIZE], const char *path, struct fault *why)
{
	ssize_t len = private_read(key, KEY_SIZE, path, "key", why);

	if (len == -1)
		return false;
	return len == (ssize_t)KEY_SIZE ||
	       fault_set(why, "%s: not a key file, which has %u bytes: this one has %zd", path,
		   KEY_SIZE, len);
}

/* The eight letters tell the keys apart. */
static void
derive(uint8_t *out, size_t len, const char use[static crypto_kdf_CONTEXTBYTES], const uint8_t *key)
{
	int rc = crypto_kdf_derive_from_key(out, len, 1, use, key);

	assert(rc == 0);
	(void)rc;
}

struct vault *
vault_open(const char *path, struct fault *why)
{
	struct vault *v = secret_alloc(sizeof(*v));
	uint8_t *key = secret_alloc(KEY_SIZE);

	if (v == NULL || key == NULL) {
		fault_set(why, "out of memory");
	} else if (read_key(key, path, why)) {
		derive(v->hash, sizeof(v->hash), "api-hash", key);
		derive(v->seal, sizeof(v->seal), "api-seal", key);
		derive(v->mac, sizeof(v->mac), "api-mac1", key);
		derive(v->fingerprint, sizeof(v->fingerprint), "api-name", key);
		secret_free(key, KEY_SIZE);
		return v;
	}
	secret_free(key, KEY_SIZE);
	vault_close(v);
	return NULL;
}

void
vault_close(struct vault *v)
{
	secret_free(v, sizeof(*v));
}

void
vault_fingerprint(const struct vault *v, uint8_t out[static VAULT_FINGERPRINT])
{
	memcpy(out, v->fingerprint, VAULT_FINGERPRINT);
}

struct secret_hash
vault_hash(const struct vault *v, unsigned kind, const void *secret, size_t len)
{
	crypto_generichash_state state;
	struct secret_hash ret;
	uint8_t first = (uint8_t)kind;

	crypto_generichash_init(&state, v->hash, sizeof(v->hash), sizeof(ret.bytes));
	crypto_generichash_update(&state, &first, sizeof(first));
	crypto_generichash_update(&state, secret, len);
	crypto_generichash_final(&state, ret.bytes, sizeof(ret.bytes));
	secret_wipe(&state, sizeof(state));
	return ret;
}

void
vault_seal(const struct vault *v, const char *place, const void *data, size_t len, uint8_t *out,
    struct random *random)
{
	uint8_t *nonce = out, *sealed = out + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;

	random_bytes(random, nonce, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
	    sealed, NULL, data, len, (const uint8_t *)place, strlen(place), NULL, nonce, v->seal);
}

bool
vault_open_sealed(
    const struct vault *v, const char *place, const uint8_t *sealed, size_t len, void *out)
{
	const uint8_t *nonce = sealed;
	size_t head = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;

	if (len < VAULT_SEAL_EXTRA)
		return false;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed + head, len - head,
		(const uint8_t *)place, strlen(place), nonce, v->seal) == 0)
		return true;
	secret_wipe(out, len - VAULT_SEAL_EXTRA);
	return false;
}

void
vault_mac(const struct vault *v, const void *data, size_t len, uint8_t out[static 16])
{
	crypto_generichash(out, 16, data, len, v->mac, sizeof(v->mac));
}
