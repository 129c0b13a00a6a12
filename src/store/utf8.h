/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_UTF8_H
#define OCS_STORE_UTF8_H

/* UTF-8, one code point at a time (RFC 3629). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the code point that begins at `text` (1 to 4), and the code point
 * itself.  0 when it is malformed: overlong, a surrogate, above U+10FFFF, cut
 * off, or `size` is 0. */
size_t ocs_utf8_decode(const char *text, size_t size, uint32_t *rune);

/* A whole text: JSON can keep it as it is. */
bool ocs_utf8_valid(const char *text);

#endif
