/* SPDX-License-Identifier: ISC */
/* Certificates for tests, made by GnuTLS, and a client that looks at them. */
#ifndef TESTS_SUPPORT_TLS_PAIR_H
#define TESTS_SUPPORT_TLS_PAIR_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A new key at key_path and a certificate for name, valid so long from now, signed by itself, at
 * cert_path.  Failing fails the test. */
void tls_pair_write(const char *cert_path, const char *key_path, const char *name, int64_t valid_s);
/* The same with an RSA key, good for a day. */
void tls_pair_write_rsa(const char *cert_path, const char *key_path, const char *name);

struct tls_client;

/* priorities: in the words of GnuTLS, NULL for its default.  NULL when there is no handshake. */
struct tls_client *tls_client_open(const struct endpoint *at, const char *priorities);
void tls_client_close(struct tls_client *c); /* NULL is fine */

/* The name that the other side's certificate is for. */
const char *tls_client_peer(const struct tls_client *c);

/* Sends a request and reads the answer up to size - 1 bytes; false when there is none. */
bool tls_client_ask(struct tls_client *c, const char *request, char *answer, size_t size);

#endif
