/* SPDX-License-Identifier: ISC */
#ifndef CATHEDRAL_SANDBOX_H
#define CATHEDRAL_SANDBOX_H

/* For sandbox_enter(): the system calls that serving takes; and those of the reader of registry.db,
 * which writes the index of its log, and at the end what of the log is left. */
extern const char *const cathedral_calls[], *const registry_reader_calls[];

#endif
