/* SPDX-License-Identifier: ISC */
/* What an operator does with cathedrals while the service runs: in a process of his own, to which a
 * session of its own comes close.  What fails here fails the running test. */
#ifndef TESTS_SUPPORT_FLEET_H
#define TESTS_SUPPORT_FLEET_H

#include "tests/support/api.h"

/* At 192.0.2.N:4500, in region "eu". */
void fleet_add(struct test_api *t, const char *name, unsigned n, char token[static 33]);
void fleet_drain(struct test_api *t, const char *name);
void fleet_remove(struct test_api *t, const char *name);

#endif
