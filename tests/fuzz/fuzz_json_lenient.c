/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* The lenient scan sees at least as much as a reader of the tree: every string
 * that is a digest is found. */

#include "fuzz.h"

#include "store/digest_set.h"
#include "store/json.h"

#include <string.h>

static const struct ocs_json_limits limits = {.bytes = 1u << 20, .values = 1u << 16};

static int on_digest(void *data, const struct ocs_digest *digest, struct ocs_error *err)
{
    uint32_t index;
    int result = ocs_digest_set_add(data, digest, &index, err);
    return result < 0 ? result : 0;
}

static void check_string(const char *text, const struct ocs_digest_set *found)
{
    struct ocs_digest digest;
    uint32_t index;
    if (text && ocs_digest_parse(text, strlen(text), &digest) == 0)
        MUST(ocs_digest_set_find(found, &digest, &index));
}

static void check_value(const struct ocs_json *json, const struct ocs_json_value *value,
                        const struct ocs_digest_set *found)
{
    check_string(ocs_json_string(json, value), found);
    for (const struct ocs_json_value *child = ocs_json_first(value); child;
         child = ocs_json_next(child))
        check_value(json, child, found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct ocs_digest_set *found = NULL;
    struct ocs_json *json = NULL;
    MUST(ocs_digest_set_new(&found, NULL) == 0);
    MUST(ocs_json_each_digest(bytes, size, found, on_digest, NULL) == 0);
    if (ocs_json_parse(bytes, size, limits, &json, NULL, NULL) == 0)
        check_value(json, ocs_json_root(json), found);
    ocs_json_free(json);
    ocs_digest_set_free(found);
    return 0;
}
