/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_SYNC_SANDBOX_H
#define CATHEDRAL_SYNC_SANDBOX_H

/* For sandbox_enter(): the system calls that following takes. */
extern const char *const sync_calls[];

#endif
