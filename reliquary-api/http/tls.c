/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/tls.h"

#include "base/file.h"
#include "base/log.h"
#include "protocol/crypto/secret.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX  (1u << 20)
#define CHAIN_MAX 16

struct tls_pair {
	_Atomic unsigned holders;
	gnutls_certificate_credentials_t credentials;
};

struct tls {
	pthread_mutex_t lock;
	struct tls_pair *current;
	char cert_path[256], key_path[256];
};

/* A file in memory; what it holds is wiped, since one of them is a key. */
struct pem {
	gnutls_datum_t text;
};

static bool
pem_read(struct pem *ret, const char *path, struct fault *why)
{
	uint8_t *data;
	size_t len;

	if (!file_read(&data, &len, path, FILE_MAX, why))
		return false;
	ret->text = (gnutls_datum_t){ .data = data, .size = (unsigned)len };
	return true;
}

static void
pem_free(struct pem *p)
{
	if (p->text.data != NULL)
		secret_wipe(p->text.data, p->text.size);
	free(p->text.data);
	p->text = (gnutls_datum_t){ 0 };
}

/* Of the first certificate, which is the server's own. */
static bool
check_dates(const struct pem *cert, const char *path, int64_t wall_s, struct fault *why)
{
	gnutls_x509_crt_t chain[CHAIN_MAX];
	unsigned count = CHAIN_MAX;
	int64_t begins, ends;
	int error = gnutls_x509_crt_list_import(chain, &count, &cert->text, GNUTLS_X509_FMT_PEM, 0);

	if (error < 0)
		return fault_set(why, "%s: %s", path, gnutls_strerror(error));
	if (count == 0)
		return fault_set(why, "%s: there is no certificate in it", path);
	begins = gnutls_x509_crt_get_activation_time(chain[0]);
	ends = gnutls_x509_crt_get_expiration_time(chain[0]);
	for (unsigned i = 0; i < count; i++)
		gnutls_x509_crt_deinit(chain[i]);

	if (ends != -1 && wall_s > ends)
		log_warn("%s: the certificate has expired: clients will refuse it", path);
	if (begins != -1 && wall_s < begins)
		log_warn("%s: the certificate is not valid yet: clients will refuse it", path);
	return true;
}

static bool
join(gnutls_certificate_credentials_t to, const struct pem *cert, const struct pem *key,
    const struct tls *t, struct fault *why)
{
	int error = gnutls_certificate_set_x509_key_mem2(
	    to, &cert->text, &key->text, GNUTLS_X509_FMT_PEM, NULL, 0);

	if (error == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return fault_set(why, "%s: the key is not that of the certificate in %s",
		    t->key_path, t->cert_path);
	if (error < 0)
		return fault_set(why, "%s: %s", t->key_path, gnutls_strerror(error));
	return true;
}

static struct tls_pair *
pair_make(const struct tls *t, const struct pem *cert, const struct pem *key, struct fault *why)
{
	struct tls_pair *p = calloc(1, sizeof(*p));

	if (p == NULL || gnutls_certificate_allocate_credentials(&p->credentials) < 0) {
		fault_set(why, "%s: out of memory", t->cert_path);
		free(p);
		return NULL;
	}
	atomic_init(&p->holders, 1);
	if (!join(p->credentials, cert, key, t, why)) {
		tls_release(p);
		return NULL;
	}
	return p;
}

static struct tls_pair *
pair_read(const struct tls *t, int64_t wall_s, struct fault *why)
{
	struct pem cert = { 0 }, key = { 0 };
	struct tls_pair *p = NULL;

	if (pem_read(&cert, t->cert_path, why) && pem_read(&key, t->key_path, why) &&
	    check_dates(&cert, t->cert_path, wall_s, why))
		p = pair_make(t, &cert, &key, why);
	pem_free(&cert);
	pem_free(&key);
	return p;
}

struct tls *
tls_create(const char *cert_path, const char *key_path, int64_t wall_s, struct fault *why)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t == NULL || pthread_mutex_init(&t->lock, NULL) != 0) {
		fault_set(why, "TLS: out of memory");
		free(t);
		return NULL;
	}
	snprintf(t->cert_path, sizeof(t->cert_path), "%s", cert_path);
	snprintf(t->key_path, sizeof(t->key_path), "%s", key_path);
	t->current = pair_read(t, wall_s, why);
	if (t->current == NULL) {
		tls_destroy(t);
		return NULL;
	}
	return t;
}

void
tls_destroy(struct tls *t)
{
	if (t == NULL)
		return;
	tls_release(t->current);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

bool
tls_reload(struct tls *t, int64_t wall_s, struct fault *why)
{
	struct tls_pair *p = pair_read(t, wall_s, why), *before;

	if (p == NULL)
		return false;
	pthread_mutex_lock(&t->lock);
	before = t->current;
	t->current = p;
	pthread_mutex_unlock(&t->lock);
	tls_release(before);
	return true;
}

struct tls_pair *
tls_hold(struct tls *t)
{
	struct tls_pair *p;

	pthread_mutex_lock(&t->lock);
	p = t->current;
	atomic_fetch_add_explicit(&p->holders, 1, memory_order_relaxed);
	pthread_mutex_unlock(&t->lock);
	return p;
}

void
tls_release(struct tls_pair *p)
{
	if (p == NULL || atomic_fetch_sub_explicit(&p->holders, 1, memory_order_acq_rel) > 1)
		return;
	gnutls_certificate_free_credentials(p->credentials);
	free(p);
}

bool
tls_use(struct tls_pair *p, void *session)
{
	return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, p->credentials) >= 0;
}
