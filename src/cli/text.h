/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_TEXT_H
#define OCS_CLI_TEXT_H

/* Words for people: escaped names, sizes, times, counts. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One character of UTF-8 at `text` (NUL-terminated): its length in bytes, or 0
 * when the bytes there are no valid character. */
size_t ocs_text_decode(const char *text, uint32_t *character);

/* Print with everything escaped that could move the cursor, colour the terminal
 * or turn the reading direction: \n, \x1b, \u{202e}.  Bytes that are no UTF-8
 * become \xNN. */
void ocs_text_put(FILE *stream, const char *text);
/* Whether ocs_text_put escapes it. */
bool ocs_text_is_hidden(uint32_t character);
/* Columns that ocs_text_put takes. */
size_t ocs_text_width(const char *text);

struct ocs_text_short {
    char text[48];
};

struct ocs_text_short ocs_text_size(uint64_t bytes);                    /* "28.1 MiB" */
struct ocs_text_short ocs_text_count(uint64_t count, const char *noun); /* "1 blob", "3 blobs" */
struct ocs_text_short ocs_text_span(double seconds);                    /* "2 h 10 min" */
struct ocs_text_short ocs_text_time(int64_t when);    /* local: "2025-11-24 00:13" */
struct ocs_text_short ocs_text_rfc3339(int64_t when); /* "2025-11-24T00:13:05Z" */

/* malloc and realloc for the program, which ends with OCS_FAILED when there is no memory. */
void *ocs_text_grow(void *old, size_t size);
/* asprintf in the same way. */
char *ocs_text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
