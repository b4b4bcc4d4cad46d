/* SPDX-License-Identifier: ISC */
/*
 * Reads the JSON files in tests/vectors.  Whatever is missing or of the wrong type fails the
 * running test with the name of the file or member: nothing here returns an error.  Hexadecimal is
 * read by libsodium and the C library, not by the code under test.
 */
#ifndef TESTS_SUPPORT_VECTORS_H
#define TESTS_SUPPORT_VECTORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "keys.json" and the like; the caller ends it with json_decref().  Run from the tree's root. */
json_t *vectors_load(const char *name);

/* Members by key, borrowed from object. */
json_t *vector_object(const json_t *object, const char *key);
json_t *vector_list(const json_t *object, const char *key);
const char *vector_text(const json_t *object, const char *key);
bool vector_flag(const json_t *object, const char *key);
bool vector_has(const json_t *object, const char *key);

/* A JSON number that is not negative. */
uint64_t vector_number(const json_t *object, const char *key);

/* A number written as hexadecimal text: flocks, identities, tunnels. */
uint64_t vector_hex(const json_t *object, const char *key);

/* Exactly len bytes written as hexadecimal text. */
void vector_bytes(const json_t *object, const char *key, void *out, size_t len);

/*
 * Bytes of any length, in a buffer of exactly that size so that the sanitizer sees every read
 * past it; the caller frees it.
 */
uint8_t *vector_alloc(const json_t *object, const char *key, size_t *len);

/* The same from text, for lists of hexadecimal strings and for tables in tests. */
uint8_t *hex_alloc(const char *text, size_t *len);

/* A copy of len bytes in a buffer of exactly that size; the caller frees it. */
uint8_t *exact_copy(const void *data, size_t len);

#endif
