/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_JSON_TYPES_H
#define OCS_STORE_JSON_TYPES_H

/* What the scanner and the tree (json.h) have in common. */

#include "ocistore.h"

#define OCS_JSON_DEPTH_MAX 64

struct ocs_json_limits {
    size_t bytes;
    size_t values; /* objects, arrays, strings, numbers, literals; bounds the memory */
    size_t spread; /* more of them, when there are so many bytes for each; 0: no more */
};

/* A value takes about 100 bytes of memory besides its own.  The smallest descriptors
 * have 27 bytes for each of theirs, so what limits an honest document is its bytes. */
#define OCS_JSON_SPREAD 16

#define OCS_JSON_INDEX_BYTES (64u << 20)
#define OCS_JSON_DOCUMENT_LIMITS                                                                   \
    (struct ocs_json_limits)                                                                       \
    {                                                                                              \
        .bytes = OCS_DOCUMENT_BYTES_MAX, .values = 1u << 18, .spread = OCS_JSON_SPREAD             \
    }
#define OCS_JSON_INDEX_LIMITS                                                                      \
    (struct ocs_json_limits)                                                                       \
    {                                                                                              \
        .bytes = OCS_JSON_INDEX_BYTES, .values = 1u << 20, .spread = OCS_JSON_SPREAD               \
    }

/* What went wrong where; `reason` is a fixed string. */
struct ocs_json_flaw {
    const char *reason;
    size_t offset;
    char name[128]; /* of the member, for a flaw in a name; cut to fit */
};

#define OCS_JSON_INVALID   1 /* not RFC 8259 */
#define OCS_JSON_TOO_LARGE 2 /* a limit */

enum ocs_json_type {
    OCS_JSON_NULL,
    OCS_JSON_BOOL,
    OCS_JSON_NUMBER,
    OCS_JSON_STRING,
    OCS_JSON_ARRAY,
    OCS_JSON_OBJECT,
};

#endif
