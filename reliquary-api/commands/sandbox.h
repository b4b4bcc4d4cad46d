/* SPDX-License-Identifier: ISC */
#ifndef RELIQUARY_API_COMMANDS_SANDBOX_H
#define RELIQUARY_API_COMMANDS_SANDBOX_H

/* For sandbox_enter(): the system calls that serving takes. */
extern const char *const serve_calls[];

#endif
