/* SPDX-License-Identifier: ISC */
#include "tests/support/tls_pair.h"

#include "tests/support/http_client.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PATIENCE_MS 5000

static void
write_file(const char *path, const gnutls_datum_t *text)
{
	FILE *file = fopen(path, "we");

	if (file == NULL || fwrite(text->data, text->size, 1, file) != 1 || fclose(file) == EOF)
		fail_msg("%s: cannot be written", path);
}

static void
check(int error)
{
	if (error < 0)
		fail_msg("GnuTLS: %s", gnutls_strerror(error));
}

/* Ends key. */
static void
write_pair(gnutls_x509_privkey_t key, const char *cert_path, const char *key_path, const char *name,
    int64_t valid_s)
{
	gnutls_x509_crt_t cert;
	gnutls_datum_t text;
	time_t now = time(NULL);

	check(gnutls_x509_crt_init(&cert));
	check(gnutls_x509_crt_set_version(cert, 3));
	check(gnutls_x509_crt_set_serial(cert, "\x01", 1));
	check(gnutls_x509_crt_set_activation_time(cert, now - 7200));
	check(gnutls_x509_crt_set_expiration_time(cert, now + (time_t)valid_s));
	check(gnutls_x509_crt_set_dn_by_oid(
	    cert, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)));
	check(gnutls_x509_crt_set_key(cert, key));
	check(gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0));

	check(gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &text));
	write_file(cert_path, &text);
	gnutls_free(text.data);
	check(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text));
	write_file(key_path, &text);
	gnutls_free(text.data);
	gnutls_x509_crt_deinit(cert);
	gnutls_x509_privkey_deinit(key);
}

void
tls_pair_write(const char *cert_path, const char *key_path, const char *name, int64_t valid_s)
{
	gnutls_x509_privkey_t key;

	check(gnutls_x509_privkey_init(&key));
	check(gnutls_x509_privkey_generate(
	    key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	write_pair(key, cert_path, key_path, name, valid_s);
}

void
tls_pair_write_rsa(const char *cert_path, const char *key_path, const char *name)
{
	gnutls_x509_privkey_t key;

	check(gnutls_x509_privkey_init(&key));
	check(gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, 2048, 0));
	write_pair(key, cert_path, key_path, name, 86400);
}

struct tls_client {
	struct http_client tcp;
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	char peer[64];
};

/* Nobody vouches for these certificates: only the name is looked at. */
static void
read_peer(struct tls_client *c)
{
	unsigned count = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(c->session, &count);
	size_t size = sizeof(c->peer);
	gnutls_x509_crt_t cert;

	if (count == 0 || gnutls_x509_crt_init(&cert) < 0)
		return;
	if (gnutls_x509_crt_import(cert, &list[0], GNUTLS_X509_FMT_DER) < 0 ||
	    gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0, c->peer, &size) <
		0)
		c->peer[0] = '\0';
	gnutls_x509_crt_deinit(cert);
}

static bool
shake_hands(struct tls_client *c, const char *priorities)
{
	int error;

	if (gnutls_certificate_allocate_credentials(&c->credentials) < 0 ||
	    gnutls_init(&c->session, GNUTLS_CLIENT) < 0 ||
	    gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials) < 0)
		return false;
	if (priorities == NULL)
		error = gnutls_set_default_priority(c->session);
	else
		error = gnutls_priority_set_direct(c->session, priorities, NULL);
	if (error < 0)
		return false;
	gnutls_transport_set_int(c->session, c->tcp.fd);
	gnutls_handshake_set_timeout(c->session, PATIENCE_MS);
	gnutls_record_set_timeout(c->session, PATIENCE_MS);
	do {
		error = gnutls_handshake(c->session);
	} while (error < 0 && gnutls_error_is_fatal(error) == 0);
	return error >= 0;
}

struct tls_client *
tls_client_open(const struct endpoint *at, const char *priorities)
{
	struct tls_client *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	if (!http_open(&c->tcp, at) || !shake_hands(c, priorities)) {
		tls_client_close(c);
		return NULL;
	}
	read_peer(c);
	return c;
}

void
tls_client_close(struct tls_client *c)
{
	if (c == NULL)
		return;
	if (c->session != NULL)
		gnutls_deinit(c->session);
	if (c->credentials != NULL)
		gnutls_certificate_free_credentials(c->credentials);
	http_close(&c->tcp);
	free(c);
}

const char *
tls_client_peer(const struct tls_client *c)
{
	return c->peer;
}

static bool
send_all(struct tls_client *c, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = gnutls_record_send(c->session, text, left);

		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n < 0)
			return false;
		text += n;
		left -= (size_t)n;
	}
	return true;
}

/* The head says how long the body is; both may come in one record or in two. */
static bool
whole(const char *answer, size_t len)
{
	const char *body = strstr(answer, "\r\n\r\n");
	const char *length = strstr(answer, "Content-Length: ");

	return body != NULL && length != NULL &&
	       len >= (size_t)(body + 4 - answer) + strtoul(length + 16, NULL, 10);
}

bool
tls_client_ask(struct tls_client *c, const char *request, char *answer, size_t size)
{
	size_t len = 0;

	if (!send_all(c, request))
		return false;
	answer[0] = '\0';
	while (!whole(answer, len) && len < size - 1) {
		ssize_t n = gnutls_record_recv(c->session, answer + len, size - 1 - len);

		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n <= 0)
			return false;
		len += (size_t)n;
		answer[len] = '\0';
	}
	return whole(answer, len);
}
