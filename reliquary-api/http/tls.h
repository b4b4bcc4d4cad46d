/* SPDX-License-Identifier: ISC */
/*
 * Certificate and key.  Each connection takes the pair that is current when it begins and keeps it
 * until it ends, so that another may take its place meanwhile.
 */
#ifndef RELIQUARY_API_HTTP_TLS_H
#define RELIQUARY_API_HTTP_TLS_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

/* Versions 1.2 and 1.3, in the words of GnuTLS; never a key that is only encrypted with RSA. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA"

struct tls;
struct tls_pair;

/* Reads both files (PEM; the certificate may bring its chain): they must go together.  A
 * certificate that has ended at wall_s is a line in the log, no failure.  NULL with the reason. */
struct tls *tls_create(
    const char *cert_path, const char *key_path, int64_t wall_s, struct fault *why);
void tls_destroy(struct tls *t); /* pairs that are held live on; NULL is fine */

/* Reads the files again; on failure what was read before stays. */
bool tls_reload(struct tls *t, int64_t wall_s, struct fault *why);

/* The current pair; any thread. */
struct tls_pair *tls_hold(struct tls *t);
void tls_release(struct tls_pair *p); /* NULL is fine */

/* session is a gnutls_session_t whose handshake has not begun; it uses p, which is held longer. */
bool tls_use(struct tls_pair *p, void *session);

#endif
