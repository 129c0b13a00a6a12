/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_JSON_ESCAPE_H
#define OCS_STORE_JSON_ESCAPE_H

/* The escape \uXXXX of JSON strings (RFC 8259, section 7). */

#include <stddef.h>

/* The four hex digits at `at`, in either case; negative when `size` bytes do not
 * begin with such. */
int ocs_json_escape_unit(const char *at, size_t size);

#endif
