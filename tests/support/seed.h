/* SPDX-License-Identifier: ISC */
#ifndef TESTS_SUPPORT_SEED_H
#define TESTS_SUPPORT_SEED_H

#include "base/random.h"

/*
 * Randomness for tests: another seed in every run, printed, so that a failure can be repeated with
 * TEST_SEED=<number> in the environment.
 */
void random_for_test(struct random *r);

#endif
