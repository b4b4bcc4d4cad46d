/* SPDX-License-Identifier: ISC */
/* The cathedral's answers as text for people. */
#ifndef TOOLS_CATHEDRALCTL_SHOW_H
#define TOOLS_CATHEDRALCTL_SHOW_H

#include <jansson.h>
#include <stdio.h>

void show_status(FILE *to, json_t *doc);
void show_tunnels(FILE *to, json_t *doc);
void show_liturgies(FILE *to, json_t *doc);
void show_federation(FILE *to, json_t *doc);
void show_counters(FILE *to, json_t *doc);
void show_flocks(FILE *to, json_t *doc);
void show_flock(FILE *to, json_t *doc);
void show_reload(FILE *to, json_t *doc);
void show_loglevel(FILE *to, json_t *doc);
void show_drain(FILE *to, json_t *doc);

#endif
