/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/aead.h"

#include "protocol/crypto/secret.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#define NONCE_SIZE 12

static const uint8_t nonce[NONCE_SIZE] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };

/* Written by aead_init() before there are threads, and by tests. */
static enum aead_backend chosen = AEAD_LIBCRYPTO;

/* Looked up once: the lookup takes locks.  Lives as long as the process. */
static EVP_CIPHER *cipher;

/* One per thread, reused, so that packets cost no allocation; freed when its thread ends. */
static _Thread_local EVP_CIPHER_CTX *context;
static pthread_key_t context_owner;

static void
context_free(void *arg)
{
	EVP_CIPHER_CTX_free(arg);
}

/* Readies libcrypto; false when it cannot be used. */
static bool
libcrypto_init(void)
{
	if (cipher != NULL)
		return true;
	if (pthread_key_create(&context_owner, context_free) != 0)
		return false;
	cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	return cipher != NULL;
}

bool
aead_init(void)
{
	if (sodium_init() < 0)
		return false;
	(void)libcrypto_init(); /* may fail where libsodium does it all */
	return aead_force_backend(AEAD_SODIUM) || aead_force_backend(AEAD_LIBCRYPTO);
}

enum aead_backend
aead_backend(void)
{
	return chosen;
}

const char *
aead_backend_name(void)
{
	return chosen == AEAD_SODIUM ? "libsodium" : "libcrypto";
}

bool
aead_force_backend(enum aead_backend backend)
{
	if (backend == AEAD_SODIUM && crypto_aead_aes256gcm_is_available() == 0)
		return false;
	if (backend == AEAD_LIBCRYPTO && cipher == NULL)
		return false;
	chosen = backend;
	return true;
}

/* The thread's context, keyed; false when there is no memory for one. */
static bool
context_begin(const uint8_t key[static 32], int encrypt)
{
	if (context == NULL) {
		context = EVP_CIPHER_CTX_new();
		(void)pthread_setspecific(context_owner, context);
	}
	return context != NULL && EVP_CipherInit_ex2(context, cipher, key, nonce, encrypt, NULL);
}

/* Puts another key in the place of the one used, which would stay in the context otherwise. */
static void
context_end(void)
{
	static const uint8_t no_key[32];

	if (context != NULL)
		(void)EVP_CipherInit_ex2(context, NULL, no_key, nonce, -1, NULL);
}

/* Feeds aad, then turns data in place. */
static bool
context_run(uint8_t *data, size_t len, const void *aad, size_t aad_len)
{
	int done = 0;

	if (aad_len > 0 && !EVP_CipherUpdate(context, NULL, &done, aad, (int)aad_len))
		return false;
	return len == 0 || EVP_CipherUpdate(context, data, &done, data, (int)len);
}

static bool
libcrypto_seal(uint8_t *data, size_t len, uint8_t tag[static AEAD_TAG_SIZE], const void *aad,
    size_t aad_len, const uint8_t key[static 32])
{
	uint8_t rest[EVP_MAX_BLOCK_LENGTH];
	int done = 0;
	bool ok;

	ok = context_begin(key, 1) && context_run(data, len, aad, aad_len) &&
	     EVP_CipherFinal_ex(context, rest, &done) &&
	     EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, tag) > 0;
	context_end();
	return ok;
}

static bool
libcrypto_open(uint8_t *data, size_t len, const uint8_t tag[static AEAD_TAG_SIZE], const void *aad,
    size_t aad_len, const uint8_t key[static 32])
{
	uint8_t expected[AEAD_TAG_SIZE], rest[EVP_MAX_BLOCK_LENGTH];
	int done = 0;
	bool ok;

	memcpy(expected, tag, sizeof(expected)); /* the control call takes no const */
	ok = context_begin(key, 0) && context_run(data, len, aad, aad_len) &&
	     EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_SIZE, expected) > 0 &&
	     EVP_CipherFinal_ex(context, rest, &done) > 0;
	context_end();
	return ok;
}

void
aead_seal(uint8_t *data, size_t len, uint8_t tag[static AEAD_TAG_SIZE], const void *aad,
    size_t aad_len, const uint8_t key[static 32])
{
	assert(len <= INT_MAX && aad_len <= INT_MAX);
	if (chosen == AEAD_SODIUM) {
		crypto_aead_aes256gcm_encrypt_detached(
		    data, tag, NULL, data, len, aad, aad_len, NULL, nonce, key);
		return;
	}
	if (libcrypto_seal(data, len, tag, aad, aad_len, key))
		return;

	/* Out of memory: what goes out then opens for nobody, and shows nothing. */
	memset(data, 0, len);
	memset(tag, 0, AEAD_TAG_SIZE);
}

bool
aead_open(uint8_t *data, size_t len, const uint8_t tag[static AEAD_TAG_SIZE], const void *aad,
    size_t aad_len, const uint8_t key[static 32])
{
	bool ok;

	assert(len <= INT_MAX && aad_len <= INT_MAX);
	if (chosen == AEAD_SODIUM)
		ok = crypto_aead_aes256gcm_decrypt_detached(
			 data, NULL, data, len, tag, aad, aad_len, nonce, key) == 0;
	else
		ok = libcrypto_open(data, len, tag, aad, aad_len, key);
	if (!ok)
		secret_wipe(data, len);
	return ok;
}
