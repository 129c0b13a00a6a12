/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_JSON_SCAN_H
#define OCS_STORE_JSON_SCAN_H

/* The strict scanner: grammar, UTF-8 and limits, one token for each value.
 * Private to json.c. */

#include "json_types.h"
#include "ocistore.h"

struct ocs_json_token {
    uint32_t start; /* of the value's bytes in the document */
    uint32_t end;
    uint8_t type; /* enum ocs_json_type */
    bool nul;     /* a string with U+0000 in it */
};

/* The longest number that cJSON 1.7.15 reads. */
#define OCS_JSON_NUMBER_MAX 62

struct ocs_json_tokens {
    struct ocs_json_token *list; /* in document order: a container before its values */
    size_t count;
    size_t capacity;
    bool long_number; /* there is one of more than OCS_JSON_NUMBER_MAX bytes */
    bool ambiguous;
    struct ocs_json_flaw ambiguity;
};

/* 0, OCS_JSON_INVALID or OCS_JSON_TOO_LARGE with *flaw (may be NULL).  *out is
 * to be cleared in any case. */
int ocs_json_scan_tokens(const char *bytes, size_t size, struct ocs_json_limits limits,
                         struct ocs_json_tokens *out, struct ocs_json_flaw *flaw,
                         struct ocs_error *err);
void ocs_json_tokens_clear(struct ocs_json_tokens *tokens);

#endif
