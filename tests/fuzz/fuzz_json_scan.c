/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* The scanner and the tree: what the scanner accepts has a tree, whose values lie
 * where the tokens say; what it rejects has a flaw with a place. */

#include "fuzz.h"

#include "store/json.h"

#include <string.h>

static const struct ocs_json_limits limits = {.bytes = 1u << 20, .values = 1u << 16};

static void check_string(const struct ocs_json *json, const struct ocs_json_value *value)
{
    const char *text = ocs_json_string(json, value);
    if (!text)
        return;
    /* what we print of it reads the same */
    struct ocs_json_writer w = {0};
    struct ocs_json *again = NULL;
    ocs_json_write_string(&w, NULL, text, strlen(text));
    MUST(ocs_json_parse(w.text.data, w.text.size,
                        (struct ocs_json_limits){.bytes = SIZE_MAX, .values = 1}, &again, NULL,
                        NULL) == 0);
    MUST(strcmp(ocs_json_string(again, ocs_json_root(again)), text) == 0);
    ocs_json_free(again);
    ocs_json_writer_clear(&w);
}

static void check_integer(const struct ocs_json *json, const struct ocs_json_value *value)
{
    int64_t number = 0;
    char text[24];
    size_t size = 0;
    if (ocs_json_integer(json, value, &number) != 0)
        return;
    const char *span = ocs_json_span(json, value, &size);
    int length = snprintf(text, sizeof(text), "%lld", (long long)number);
    MUST((size_t)length == size && memcmp(text, span, size) == 0);
}

/* The depth is bounded by the scanner. */
static size_t check_value(const struct ocs_json *json, const struct ocs_json_value *value)
{
    size_t size = 0;
    size_t count = 1;
    const char *span = ocs_json_span(json, value, &size);
    const char *at = span;
    MUST(size > 0);
    check_string(json, value);
    check_integer(json, value);
    bool object = ocs_json_type(value) == OCS_JSON_OBJECT;
    for (const struct ocs_json_value *child = ocs_json_first(value); child;
         child = ocs_json_next(child)) {
        size_t child_size = 0;
        const char *child_span = ocs_json_span(json, child, &child_size);
        MUST(child_span > at && child_span + child_size < span + size);
        MUST(!object == !ocs_json_name(child));
        at = child_span + child_size - 1;
        count += check_value(json, child);
    }
    return count;
}

static void check_ambiguity(const struct ocs_json *json, const char *bytes, size_t size)
{
    const struct ocs_json_flaw *flaw = ocs_json_ambiguity(json);
    if (!flaw)
        return;
    size_t length = strlen(flaw->name);
    MUST(flaw->reason && flaw->offset + length < size);
    MUST(bytes[flaw->offset - 1] == '"');
    MUST(memcmp(bytes + flaw->offset, flaw->name, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct ocs_json *json = NULL;
    struct ocs_json_flaw flaw = {0};
    int verdict = ocs_json_scan(bytes, size, limits, &flaw, NULL);
    MUST(verdict >= 0);
    MUST(ocs_json_parse(bytes, size, limits, &json, NULL, NULL) == verdict);
    if (verdict != 0) {
        MUST(flaw.reason && flaw.offset <= size && !json);
        return 0;
    }
    MUST(check_value(json, ocs_json_root(json)) <= limits.values);
    check_ambiguity(json, bytes, size);
    ocs_json_free(json);
    return 0;
}
