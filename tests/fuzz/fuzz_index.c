/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* An index.json and its edits.  The first byte says which entries are dropped and
 * whether one is added, the rest is the document: what is kept stays byte for
 * byte, everything outside `manifests` stays byte for byte. */

#include "fuzz.h"

#include "store/cleanup.h"
#include "store/layout.h"

#include <string.h>

#define ADDED "{\"digest\":\"x:y\",\"mediaType\":\"a/b\",\"size\":1}"

static int parse(const char *bytes, size_t size, struct ocs_index *out)
{
    struct ocs_bytes copy = {.data = malloc(size + 1), .size = size};
    MUST(copy.data);
    memcpy(copy.data, bytes, size);
    copy.data[size] = '\0';
    int result = ocs_index_parse(&copy, out, NULL);
    MUST(!copy.data);
    return result;
}

/* The children of `manifests`, whether or not they are descriptors. */
static const struct ocs_json_value *elements_of(const struct ocs_index *index)
{
    return ocs_json_first(ocs_json_member(ocs_json_root(index->document.json), "manifests"));
}

static bool is_dropped(const struct ocs_index *index, const bool *keep,
                       const struct ocs_json_value *element)
{
    for (size_t i = 0; i < index->document.count; i++) {
        if (index->document.descriptors[i].value == element)
            return !keep[i];
    }
    return false;
}

/* Every kept element is in the new index, in order; and then what was added. */
static void check_elements(const struct ocs_index *index, const struct ocs_index_edit *edit,
                           const struct ocs_index *edited)
{
    const struct ocs_json_value *after = elements_of(edited);
    const struct ocs_json_value *before = elements_of(index);
    size_t size = 0, after_size = 0;
    for (; before; before = ocs_json_next(before)) {
        if (is_dropped(index, edit->keep, before))
            continue;
        MUST(after);
        const char *text = ocs_json_span(index->document.json, before, &size);
        const char *after_text = ocs_json_span(edited->document.json, after, &after_size);
        MUST(size == after_size && memcmp(text, after_text, size) == 0);
        after = ocs_json_next(after);
    }
    for (size_t i = 0; i < edit->add_count; i++, after = ocs_json_next(after)) {
        MUST(after);
        const char *text = ocs_json_span(edited->document.json, after, &size);
        MUST(size == strlen(edit->add[i]) && memcmp(text, edit->add[i], size) == 0);
    }
    MUST(!after);
}

/* What stands before and after the array. */
static void check_surroundings(const struct ocs_index *index, const struct ocs_bytes *edited)
{
    size_t size = 0;
    const struct ocs_json *json = index->document.json;
    const char *at = ocs_json_span(json, ocs_json_member(ocs_json_root(json), "manifests"), &size);
    size_t head = (size_t)(at - index->bytes.data);
    size_t tail = index->bytes.size - head - size;
    MUST(edited->size >= head + 2 + tail);
    MUST(memcmp(edited->data, index->bytes.data, head) == 0);
    MUST(memcmp(edited->data + edited->size - tail, at + size, tail) == 0);
}

static void check_edit(const struct ocs_index *index, const struct ocs_index_edit *edit)
{
    struct ocs_bytes bytes = {0};
    struct ocs_index edited = {0};
    MUST(ocs_index_apply(index, edit, &bytes, NULL) == 0);
    check_surroundings(index, &bytes);
    MUST(parse(bytes.data, bytes.size, &edited) == 0);
    check_elements(index, edit, &edited);
    ocs_index_clear(&edited);
    ocs_bytes_clear(&bytes);
}

static void check_entries(const struct ocs_index *index)
{
    for (size_t i = 0; i < index->document.count; i++) {
        size_t size = 0;
        const char *text = ocs_index_entry_text(index, i, &size);
        ocs_index_ref(index, i);
        MUST(!text || (text[0] == '{' && text[size - 1] == '}'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *added[] = {(char[]){ADDED}};
    struct ocs_index index = {0};
    if (size == 0 || parse((const char *)data + 1, size - 1, &index) != 0)
        return 0;
    check_entries(&index);
    auto_free bool *keep = calloc(index.document.count + 1, sizeof(*keep));
    MUST(keep);
    for (size_t i = 0; i < index.document.count; i++)
        keep[i] = data[0] >> (i % 7) & 1;
    check_edit(&index, &(struct ocs_index_edit){
                           .keep = keep,
                           .add = added,
                           .add_count = data[0] >> 7,
                       });
    ocs_index_clear(&index);
    return 0;
}
