/* SPDX-License-Identifier: ISC */
/* Figures for people (a table) or for programs (a line of JSON each). */
#ifndef TOOLS_CATHEDRAL_LOAD_SHOW_H
#define TOOLS_CATHEDRAL_LOAD_SHOW_H

#include "tools/common/histogram.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A result by itself: a line a figure.  Takes figures, an object. */
void show_figures(bool json, const char *what, json_t *figures);

/* One of several results: a line a result, under a heading above the first of them. */
void show_row(bool json, const char *what, json_t *figures, bool first);

/* False when standard output could not take all of it. */
bool show_end(void);

void figure_count(json_t *figures, const char *name, uint64_t value);
void figure_real(json_t *figures, const char *name, double value);

/* NAME_p50_us, NAME_p99_us, NAME_max_us. */
void figure_times(json_t *figures, const char *name, const struct histogram *h);

#endif
