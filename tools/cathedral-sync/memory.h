/* SPDX-License-Identifier: ISC */
/*
 * Memory for what comes from the service, which is full of devices' secrets: wiped when it is given
 * back, for the libraries as well, and limited where a small text can become a large document.
 */
#ifndef CATHEDRAL_SYNC_MEMORY_H
#define CATHEDRAL_SYNC_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* As those of the C library; any thread. */
void *memory_take(size_t size);
void *memory_take_zeroed(size_t count, size_t size);
void *memory_resize(void *at, size_t size);
char *memory_copy(const char *text);
void memory_give_back(void *at);

/* Gives back to the system what a large document leaves in pieces. */
void memory_trim(void);

/* From here on Jansson uses these; main thread only. */
void memory_for_json(void);

/* So many bytes are left to Jansson from now on; whether it ever wanted more since. */
void memory_json_begin(size_t most);
bool memory_json_sufficed(void);

#endif
