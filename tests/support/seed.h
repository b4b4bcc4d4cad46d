/* SPDX-License-Identifier: ISC */
#ifndef TESTS_SUPPORT_SEED_H
#define TESTS_SUPPORT_SEED_H

#include "base/random.h"

/*
 * A generator that starts from another number on every run and prints that number; SEED=number in
 * the environment repeats a run.
 */
struct random seed_random(void);

#endif
