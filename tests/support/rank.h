/* SPDX-License-Identifier: ISC */
/* Are two samples told apart?  By ranks (Mann-Whitney), so that outliers count like any others. */
#ifndef TESTS_SUPPORT_RANK_H
#define TESTS_SUPPORT_RANK_H

#include <stddef.h>
#include <stdint.h>

/*
 * How often one of b is above one of a, ties counting half: U / (count * count).  0.5 when nothing
 * tells them apart, 0 or 1 when a single look does.  Of equal ones its standard error is about
 * 1 / sqrt(6 * count): 0.0065 for 4,000.
 */
double rank_advantage(const uint64_t *a, const uint64_t *b, size_t count);

#endif
