/* SPDX-License-Identifier: ISC */
/* For benches of several threads: two on one CPU would keep each other from running. */
#ifndef TESTS_SUPPORT_PINNED_H
#define TESTS_SUPPORT_PINNED_H

/* This thread, and those that it starts from now on, stay on that CPU; without it, the end. */
void stay_on(unsigned cpu);

#endif
