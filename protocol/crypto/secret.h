/* SPDX-License-Identifier: ISC */
/* Memory for secrets: locked, left out of core dumps, wiped before it goes back. */
#ifndef PROTOCOL_CRYPTO_SECRET_H
#define PROTOCOL_CRYPTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Zeroed memory among nothing but secrets, aligned to 16 bytes; NULL when there is none.  Any
 * thread may call this.  Locking may be refused by RLIMIT_MEMLOCK: the memory is given all the
 * same, and secret_locked() says so from then on.
 */
void *secret_alloc(size_t size);

/* Wipes and frees; size as it was asked for; NULL is fine. */
void secret_free(void *at, size_t size);

/* False once any allocation could not be locked. */
bool secret_locked(void);

/* Overwrites in a way that the compiler cannot leave out. */
void secret_wipe(void *at, size_t size);

/* In constant time. */
bool secret_equal(const void *a, const void *b, size_t size);

#endif
