/* SPDX-License-Identifier: ISC */
/* What this cathedral shows to the service, and by what it knows the service. */
#ifndef CATHEDRAL_SYNC_CREDENTIALS_H
#define CATHEDRAL_SYNC_CREDENTIALS_H

#include "base/fault.h"

#include <stddef.h>
#include <stdint.h>

#define CREDENTIALS_HEADER 160

struct credentials {
	char *header; /* "x-token: TOKEN", in memory for secrets */
	uint8_t *ca;  /* PEM; NULL: whom the system trusts */
	size_t ca_len;
};

/*
 * The token is one word of letters and digits in a file of this program's user or root that is for
 * nobody else; ca is "" or a file with certificates.  False with the reason, and *ret is as it was.
 */
bool credentials_read(
    struct credentials *ret, const char *token, const char *ca, struct fault *why);
void credentials_free(struct credentials *c);

#endif
