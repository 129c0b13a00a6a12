/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "salvage.h"

#include "store/cleanup.h"
#include "store/error.h"

#include <string.h>

/* ---- what stands whole ---- */

/* Positive: no index, or one that two readers can see differently. */
static int parse(const char *text, size_t size, const char *tail, struct ocs_index *out,
                 struct ocs_error *err)
{
    size_t more = strlen(tail);
    struct ocs_bytes bytes = {.data = malloc(size + more + 1), .size = size + more};
    if (!bytes.data)
        return ocs_error_memory(err);
    memcpy(bytes.data, text, size);
    memcpy(bytes.data + size, tail, more + 1);
    int r = ocs_index_parse(&bytes, out, err);
    if (r == 0 && out->document.state != OCS_DOCUMENT_STRICT) {
        ocs_index_clear(out);
        return OCS_INDEX_INVALID;
    }
    return r;
}

struct walk {
    size_t depth;
    bool in_string, escaped;
    bool in_list; /* an array stands at depth 2: `manifests`, or one like it */
    size_t end;   /* of the last object in one */
};

static void step_string(struct walk *walk, char c)
{
    if (walk->escaped)
        walk->escaped = false;
    else if (c == '\\')
        walk->escaped = true;
    else if (c == '"')
        walk->in_string = false;
}

static void step(struct walk *walk, const char *text, size_t at)
{
    switch (text[at]) {
    case '"':
        walk->in_string = true;
        break;
    case '{':
    case '[':
        if (++walk->depth == 2)
            walk->in_list = text[at] == '[';
        break;
    case '}':
        if (walk->depth == 3 && walk->in_list)
            walk->end = at + 1;
        walk->depth -= walk->depth > 0;
        break;
    case ']':
        walk->depth -= walk->depth > 0;
        break;
    default:
        break;
    }
}

/* `text` is right as far as it goes. 0: there is none. */
static size_t end_of_last_entry(const char *text, size_t size)
{
    struct walk walk = {0};
    for (size_t at = 0; at < size; at++) {
        if (walk.in_string)
            step_string(&walk, text[at]);
        else
            step(&walk, text, at);
    }
    return walk.end;
}

/* *cut: it is not the whole of a document, or not of each entry. */
static int read_damaged(const struct ocs_bytes *bytes, struct ocs_index *out, bool *cut,
                        struct ocs_error *err)
{
    struct ocs_json_flaw flaw = {0};
    if (bytes->size == 0)
        return OCS_INDEX_INVALID;
    int r = ocs_json_scan(bytes->data, bytes->size, OCS_JSON_INDEX_LIMITS, &flaw, err);
    if (r < 0)
        return r;
    size_t size = r == OCS_JSON_INVALID ? flaw.offset : bytes->size;
    r = parse(bytes->data, size, "", out, err);
    if (r == 0) /* an entry without a digest does not go in again */
        *cut = ocs_index_known(out, NULL) != 0;
    if (r <= 0)
        return r;
    size_t end = end_of_last_entry(bytes->data, size);
    *cut = true;
    return end > 0 ? parse(bytes->data, end, "]}", out, err) : OCS_INDEX_INVALID;
}

/* ---- what it names ---- */

struct names { /* sorted */
    const char **refs;
    const struct ocs_digest **digests;
    size_t ref_count, digest_count;
};

static int compare_refs(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int compare_digests(const void *left, const void *right)
{
    return ocs_digest_compare(*(const struct ocs_digest *const *)left,
                              *(const struct ocs_digest *const *)right);
}

static int list_names(const struct ocs_index *index, struct names *out, struct ocs_error *err)
{
    size_t count = index->document.count;
    out->refs = calloc(count + 1, sizeof(const char *));
    out->digests = calloc(count + 1, sizeof(const struct ocs_digest *));
    if (!out->refs || !out->digests)
        return ocs_error_memory(err);
    for (size_t i = 0; i < count; i++) {
        const char *ref = ocs_index_ref(index, i);
        if (ref)
            out->refs[out->ref_count++] = ref;
        out->digests[out->digest_count++] = &index->document.descriptors[i].digest;
    }
    qsort(out->refs, out->ref_count, sizeof(const char *), compare_refs);
    qsort(out->digests, out->digest_count, sizeof(const struct ocs_digest *), compare_digests);
    return 0;
}

static void clear_names(struct names *names)
{
    free(names->refs);
    free(names->digests);
}

/* Of a tag that is not in it, whose image is: a whole document says that the tag is gone,
 * one that was cut may have lost it. */
static bool has_entry(const struct names *names, bool cut, const struct ocs_digest *digest,
                      const char *ref)
{
    if (ref &&
        bsearch(&ref, names->refs, names->ref_count, sizeof(const char *), compare_refs) != NULL)
        return true; /* the tag may have moved meanwhile */
    if (ref && cut)
        return false;
    return bsearch(&digest, names->digests, names->digest_count, sizeof(const struct ocs_digest *),
                   compare_digests) != NULL;
}

/* ---- both in one ---- */

struct merging {
    const struct ocs_index *found, *last;
    bool cut;
    struct names names;
    struct ocs_index_edit edit; /* of the last good one if the other one was cut, else of that */
};

static int add_entry(struct merging *merging, const struct ocs_index *index, size_t entry,
                     struct ocs_error *err)
{
    size_t size;
    const char *text = ocs_index_entry_text(index, entry, &size);
    char *copy = strndup(text, size);
    if (!copy)
        return ocs_error_memory(err);
    merging->edit.add[merging->edit.add_count++] = copy;
    return 0;
}

/* The members beside the entries may have gone with the end. */
static int into_last(struct merging *merging, struct ocs_error *err)
{
    int r = 0;
    for (size_t i = 0; i < merging->last->document.count; i++)
        merging->edit.keep[i] =
            !has_entry(&merging->names, true, &merging->last->document.descriptors[i].digest,
                       ocs_index_ref(merging->last, i));
    for (size_t i = 0; r == 0 && i < merging->found->document.count; i++)
        r = add_entry(merging, merging->found, i, err);
    return r;
}

static int into_found(struct merging *merging, struct ocs_error *err)
{
    int r = 0;
    memset(merging->edit.keep, true, merging->found->document.count);
    for (size_t i = 0; r == 0 && i < merging->last->document.count; i++) {
        if (!has_entry(&merging->names, false, &merging->last->document.descriptors[i].digest,
                       ocs_index_ref(merging->last, i)))
            r = add_entry(merging, merging->last, i, err);
    }
    return r;
}

static int merge(struct merging *merging, struct ocs_bytes *out, struct ocs_error *err)
{
    size_t most = merging->found->document.count + merging->last->document.count + 1;
    auto_free bool *keep = calloc(most, sizeof(*keep));
    char **add = calloc(most, sizeof(*add));
    merging->edit = (struct ocs_index_edit){.keep = keep, .add = add};
    int r = keep && add ? list_names(merging->found, &merging->names, err) : ocs_error_memory(err);
    if (r == 0)
        r = merging->cut ? into_last(merging, err) : into_found(merging, err);
    if (r == 0)
        r = ocs_index_apply(merging->cut ? merging->last : merging->found, &merging->edit, out,
                            err);
    clear_names(&merging->names);
    for (size_t i = 0; i < merging->edit.add_count; i++)
        free(add[i]);
    free(add);
    return r;
}

static int copy_bytes(const struct ocs_bytes *from, struct ocs_bytes *out, struct ocs_error *err)
{
    out->data = malloc(from->size + 1);
    if (!out->data)
        return ocs_error_memory(err);
    memcpy(out->data, from->data, from->size);
    out->data[from->size] = '\0';
    out->size = from->size;
    return 0;
}

int ocs_salvage_index(const struct ocs_bytes *damaged, const struct ocs_bytes *last,
                      struct ocs_bytes *out, struct ocs_error *err)
{
    auto_index struct ocs_index found = {0};
    auto_index struct ocs_index good = {0};
    struct merging merging = {.found = &found, .last = &good};
    int r = read_damaged(damaged, &found, &merging.cut, err);
    if (r == 0)
        r = parse(last->data, last->size, "", &good, err);
    if (r == 0)
        return merge(&merging, out, err);
    return r < 0 ? r : copy_bytes(last, out, err);
}
