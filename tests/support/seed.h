/* SPDX-License-Identifier: ISC */
#ifndef TESTS_SUPPORT_SEED_H
#define TESTS_SUPPORT_SEED_H

#include "base/random.h"

/*
 * Another seed in every run, printed, so that a failure can be repeated with TEST_SEED=<number> (or
 * SEED=<number>) in the environment.
 */
uint64_t seed_for_test(void);

/* Randomness from such a seed. */
void random_for_test(struct random *r);

#endif
