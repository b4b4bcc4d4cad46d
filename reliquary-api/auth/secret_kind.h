/* SPDX-License-Identifier: ISC */
#ifndef RELIQUARY_API_AUTH_SECRET_KIND_H
#define RELIQUARY_API_AUTH_SECRET_KIND_H

/* What a secret is for: the same bytes hash differently for each (vault_hash()). */
enum secret_kind {
	SECRET_ACCOUNT_KEY = 1,
	SECRET_TOKEN,
	SECRET_ENROLMENT,
	SECRET_CATHEDRAL_TOKEN,
	SECRET_INVITE,
	SECRET_CHALLENGE,
	SECRET_REPEAT_KEY, /* Idempotency-Key */
	SECRET_REPEAT_REQUEST,
};

#endif
