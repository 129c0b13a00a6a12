/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "import.h"

#include "cleanup.h"
#include "error.h"

#include <stdio.h>
#include <string.h>

/* Bits of item->visit; import_publish.c has the first. */
#define JUDGED  2u
#define SUBJECT 4u /* was in the list of subjects */

/* ---- what may be absent (doc/documents.md, "Absent is not damaged") ---- */

static bool is_absent(const struct ocs_import *import, uint32_t place)
{
    return import->items[place]->state == OCS_IMPORT_ABSENT;
}

/* An index may list manifests whose blobs were never stored at all. */
static bool children_all_absent(const struct ocs_import *import,
                                const struct ocs_import_item *parent)
{
    for (uint32_t i = 0; i < parent->edge_count; i++) {
        if (parent->edges[i].role != OCS_ROLE_SUBJECT && !is_absent(import, parent->edges[i].place))
            return false;
    }
    return true;
}

static bool may_be_absent(const struct ocs_import *import, const struct ocs_import_item *parent,
                          bool parent_listed, const struct ocs_import_edge *edge)
{
    const struct ocs_import_item *child = import->items[edge->place];
    struct ocs_digest digest;
    ocs_digest_from_key(child->key, child->key_size, &digest);
    if (edge->role == OCS_ROLE_MANIFEST || edge->role == OCS_ROLE_SUBJECT ||
        edge->role == OCS_ROLE_LOOSE || edge->media == OCS_MEDIA_LAYER_FOREIGN || edge->stands_in)
        return true;
    if (!ocs_algorithm_verifiable(ocs_digest_algorithm(&digest)))
        return true;
    return !parent_listed && children_all_absent(import, parent);
}

/* ---- one source ---- */

struct judging {
    struct ocs_import *import;
    struct ocs_import_source *source;
    const char *ref; /* of the entry that is looked at */
    uint32_t *stack;
    size_t depth;
    uint32_t *subjects; /* that the entries' documents have: judged when these are */
    size_t subject_count;
    uint32_t *trail; /* what was judged for the sake of one subject */
    size_t trail_count;
    bool optional; /* a subject is judged: what is missing leaves it out */
};
#define LEFT_OUT 1

static int fault(const struct judging *judging, const struct ocs_import_item *item,
                 const char *text, struct ocs_error *err)
{
    struct ocs_digest digest;
    char name[OCS_DIGEST_BUF];
    ocs_digest_from_key(item->key, item->key_size, &digest);
    return ocs_error_raise(err, OCS_REFUSED, "%s: %s (used by %s): nothing of it was imported",
                           ocs_digest_format(&digest, name), text,
                           judging->ref ? judging->ref : "an image without a name");
}

static int check_size(const struct judging *judging, const struct ocs_import_item *item,
                      int64_t size, struct ocs_error *err)
{
    char text[128];
    bool present = item->state == OCS_IMPORT_STAGED || item->state == OCS_IMPORT_REUSED;
    if (!present || size < 0 || (uint64_t)size == item->size || item->size_matched)
        return 0;
    snprintf(text, sizeof(text), "has %llu bytes, and its descriptor says %lld",
             (unsigned long long)item->size, (long long)size);
    return fault(judging, item, text, err);
}

static int judge_missing(const struct judging *judging, const struct ocs_import_item *item,
                         struct ocs_error *err)
{
    char name[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    const struct ocs_import *import = judging->import;
    if (!import->options->allow_missing && judging->optional)
        return LEFT_OUT;
    if (!import->options->allow_missing)
        return ocs_error_hint(err, fault(judging, item, "is missing", err),
                              "--allow-missing brings in images with absent blobs");
    ocs_digest_from_key(item->key, item->key_size, &digest);
    ocs_store_notice(import->store, "%s is missing in %s", ocs_digest_format(&digest, name),
                     judging->source->source.text);
    return 0;
}

/* An item under the eyes of the descriptor that leads to it. */
static int judge_item(struct judging *judging, const struct ocs_import_edge *edge, bool absent_ok,
                      struct ocs_error *err)
{
    const struct ocs_import_item *item = judging->import->items[edge->place];
    int result = 0;
    if (item->state == OCS_IMPORT_BAD)
        return fault(judging, item, item->trouble ? item->trouble : "damaged", err);
    if (item->state == OCS_IMPORT_ABSENT && !absent_ok)
        result = judge_missing(judging, item, err);
    if (result)
        return result;
    if (item->refused & 1u << edge->media)
        return fault(judging, item, "has another media type that it must not have", err);
    return check_size(judging, item, edge->size, err);
}

static void push(struct judging *judging, struct ocs_import_item *item)
{
    if (item->visit & JUDGED)
        return;
    item->visit |= JUDGED;
    judging->stack[judging->depth++] = item->place;
    if (judging->optional)
        judging->trail[judging->trail_count++] = item->place;
}

static void push_subject(struct judging *judging, struct ocs_import_item *item)
{
    if (item->visit & SUBJECT)
        return;
    item->visit |= SUBJECT;
    judging->subjects[judging->subject_count++] = item->place;
}

static int judge_children(struct judging *judging, const struct ocs_import_item *item, bool listed,
                          struct ocs_error *err)
{
    for (uint32_t i = 0; i < item->edge_count; i++) {
        const struct ocs_import_edge *edge = &item->edges[i];
        struct ocs_import_item *child = judging->import->items[edge->place];
        bool absent_ok =
            child->state == OCS_IMPORT_ABSENT && may_be_absent(judging->import, item, listed, edge);
        int result = judge_item(judging, edge, absent_ok, err);
        if (result)
            return result;
        if (edge->role == OCS_ROLE_SUBJECT)
            push_subject(judging, child);
        else
            push(judging, child);
    }
    return 0;
}

static int judge_entry(struct judging *judging, size_t chosen, struct ocs_error *err)
{
    const struct ocs_source *source = &judging->source->source;
    uint32_t entry = source->entries[chosen];
    const struct ocs_descriptor *descriptor = &source->index.document.descriptors[entry];
    struct ocs_import_edge edge = {
        .place = judging->source->places[chosen],
        .role = OCS_ROLE_MANIFEST,
        .media = (uint8_t)ocs_media_of(descriptor->media_type),
        .size = descriptor->size,
    };
    struct ocs_import_item *root = judging->import->items[edge.place];
    judging->ref = ocs_index_ref(&source->index, entry);
    int result = judge_item(judging, &edge, false, err);
    root->visit &= (uint8_t)~JUDGED; /* as the child of an index it may lack more */
    push(judging, root);
    while (result == 0 && judging->depth > 0) {
        struct ocs_import_item *item = judging->import->items[judging->stack[--judging->depth]];
        result = judge_children(judging, item, item == root, err);
    }
    return result;
}

/* As if it had never been looked at. */
static void leave_out(struct judging *judging, const struct ocs_import_item *subject,
                      size_t subjects_before)
{
    char name[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    struct ocs_import *import = judging->import;
    while (judging->trail_count > 0)
        import->items[judging->trail[--judging->trail_count]]->visit &= (uint8_t)~JUDGED;
    while (judging->subject_count > subjects_before)
        import->items[judging->subjects[--judging->subject_count]]->visit &= (uint8_t)~SUBJECT;
    judging->depth = 0;
    ocs_digest_from_key(subject->key, subject->key_size, &digest);
    ocs_store_notice(import->store, "%s: the subject %s is not complete: left out",
                     judging->source->source.text, ocs_digest_format(&digest, name));
}

/* A subject need not be there at all (doc/documents.md): one of which a part is
 * missing is left as it is. */
static int judge_subject(struct judging *judging, uint32_t place, struct ocs_error *err)
{
    struct ocs_import_item *subject = judging->import->items[place];
    size_t before = judging->subject_count;
    int result = 0;
    judging->trail_count = 0;
    push(judging, subject);
    while (result == 0 && judging->depth > 0) {
        uint32_t next = judging->stack[--judging->depth];
        result = judge_children(judging, judging->import->items[next], false, err);
    }
    if (result != LEFT_OUT)
        return result;
    leave_out(judging, subject, before);
    return 0;
}

static int judge_subjects(struct judging *judging, struct ocs_error *err)
{
    int result = 0;
    judging->optional = true;
    judging->ref = "a referrer";
    for (size_t i = 0; result == 0 && i < judging->subject_count; i++)
        result = judge_subject(judging, judging->subjects[i], err);
    return result;
}

static int judge_source(struct judging *judging, struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < judging->source->source.count; i++)
        result = judge_entry(judging, i, err);
    if (result == 0)
        result = judge_subjects(judging, err);
    return ocs_error_context(err, result, "%s", judging->source->source.text);
}

/* ---- all of them ---- */

static void match_size(struct ocs_import_item *item, int64_t size)
{
    if (size < 0 || (uint64_t)size == item->size)
        item->size_matched = true;
}

/* The same digest with two sizes is legal: one of them must be right. */
static void match_sizes(struct ocs_import *import)
{
    uint32_t total = ocs_digest_set_count(import->set);
    for (uint32_t place = 0; place < total; place++) {
        const struct ocs_import_item *item = import->items[place];
        for (uint32_t i = 0; i < item->edge_count; i++)
            match_size(import->items[item->edges[i].place], item->edges[i].size);
    }
    for (size_t i = 0; i < import->source_count; i++) {
        const struct ocs_import_source *source = &import->sources[i];
        for (size_t j = 0; source->places && j < source->source.count; j++) {
            uint32_t entry = source->source.entries[j];
            match_size(import->items[source->places[j]],
                       source->source.index.document.descriptors[entry].size);
        }
    }
}

/* What this source reached is needed when it is taken; the marks are made anew
 * for the next one. */
static void settle_marks(struct ocs_import *import, bool taken)
{
    uint32_t total = ocs_digest_set_count(import->set);
    for (uint32_t place = 0; place < total; place++) {
        struct ocs_import_item *item = import->items[place];
        if (taken && (item->visit & JUDGED))
            item->needed = true;
        item->visit &= (uint8_t) ~(JUDGED | SUBJECT);
    }
}

int ocs_import_judge(struct ocs_import *import, struct ocs_error *err)
{
    size_t size = ((size_t)ocs_digest_set_count(import->set) + 1) * sizeof(uint32_t);
    auto_free uint32_t *stack = malloc(size);
    auto_free uint32_t *subjects = malloc(size);
    auto_free uint32_t *trail = malloc(size);
    if (!stack || !subjects || !trail)
        return ocs_error_memory(err);
    match_sizes(import);
    for (size_t i = 0; i < import->source_count; i++) {
        struct ocs_import_source *source = &import->sources[i];
        struct judging judging = {.import = import,
                                  .source = source,
                                  .stack = stack,
                                  .subjects = subjects,
                                  .trail = trail};
        struct ocs_error error = {0};
        if (source->failed)
            continue;
        source->failed = judge_source(&judging, &error) < 0;
        settle_marks(import, !source->failed);
        if (source->failed)
            ocs_import_failed(import, &error);
    }
    return 0;
}
