/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "import.h"

#include "cleanup.h"
#include "error.h"
#include "shell_word.h"

#include <stdio.h>
#include <string.h>

/* Bits of item->visit; import_publish.c has the first. */
#define JUDGED  2u
#define SUBJECT 4u /* was in the list of subjects */
#define TRIED   8u /* as a referrer */

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
    uint32_t *subjects; /* that the documents have: judged when these are */
    size_t subject_count;
    uint32_t *reached; /* all that was judged */
    size_t reached_count;
    bool optional; /* a subject or a referrer is judged: what is missing leaves it out */
    bool unlisted; /* for the sake of a referrer: so does what is damaged */
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

/* That another descriptor is right is enough for what somebody asked for. */
static int check_size(const struct judging *judging, const struct ocs_import_item *item,
                      int64_t size, struct ocs_error *err)
{
    char text[128];
    bool present = item->state == OCS_IMPORT_STAGED || item->state == OCS_IMPORT_REUSED;
    bool excused = item->size_matched && !judging->unlisted;
    if (!present || size < 0 || (uint64_t)size == item->size || excused)
        return 0;
    snprintf(text, sizeof(text), "has %llu bytes, and its descriptor says %lld",
             (unsigned long long)item->size, (long long)size);
    return fault(judging, item, text, err);
}

/* The layouts of a store have no blobs of their own. */
static int hint_at_missing(const struct judging *judging, int result, struct ocs_error *err)
{
    char store[PATH_MAX];
    if (!judging->import->options->shared_blobs &&
        ocs_seen_inside(judging->source->source.path, store))
        return ocs_error_hint(err, result, "it is a layout of a store: --shared-blobs %s/blobs",
                              ocs_shell_word(store).text);
    return ocs_error_hint(err, result, "--allow-missing brings in images with absent blobs");
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
        return hint_at_missing(judging, fault(judging, item, "is missing", err), err);
    ocs_digest_from_key(item->key, item->key_size, &digest);
    ocs_store_notice(import->store, "%s is missing in %s", ocs_digest_format(&digest, name),
                     judging->source->source.text);
    return 0;
}

static int bad(const struct judging *judging, const struct ocs_import_item *item,
               struct ocs_error *err)
{
    int result = fault(judging, item, item->trouble ? item->trouble : "damaged", err);
    return item->in_the_way
               ? ocs_error_hint(err, result,
                                "ocistore fsck --repair --from DIR, a layout with a good copy; "
                                "without one it sets the damaged copy aside")
               : result;
}

/* An item under the eyes of the descriptor that leads to it. */
static int judge_item(struct judging *judging, const struct ocs_import_edge *edge, bool absent_ok,
                      struct ocs_error *err)
{
    const struct ocs_import_item *item = judging->import->items[edge->place];
    int result = 0;
    if (item->state == OCS_IMPORT_BAD)
        return bad(judging, item, err);
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
    judging->reached[judging->reached_count++] = item->place;
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

/* ---- what may be left out ---- */

/* What was pushed since is as if it had never been looked at. */
static void forget(struct judging *judging, size_t reached_before, size_t subjects_before)
{
    struct ocs_import *import = judging->import;
    while (judging->reached_count > reached_before)
        import->items[judging->reached[--judging->reached_count]]->visit &= (uint8_t)~JUDGED;
    while (judging->subject_count > subjects_before)
        import->items[judging->subjects[--judging->subject_count]]->visit &= (uint8_t)~SUBJECT;
    judging->depth = 0;
}

static void tell_left_out(const struct judging *judging, const struct ocs_import_edge *edge)
{
    char name[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    const struct ocs_import_item *item = judging->import->items[edge->place];
    ocs_digest_from_key(item->key, item->key_size, &digest);
    ocs_store_notice(judging->import->store, "%s: the %s %s is not complete: left out",
                     judging->source->source.text,
                     edge->role == OCS_ROLE_SUBJECT ? "subject" : "referrer",
                     ocs_digest_format(&digest, name));
}

static int judge_closure(struct judging *judging, const struct ocs_import_edge *edge,
                         struct ocs_error *err)
{
    struct ocs_import_item *item = judging->import->items[edge->place];
    int result = judge_item(judging, edge, edge->role == OCS_ROLE_SUBJECT, err);
    if (result == 0)
        push(judging, item);
    while (result == 0 && judging->depth > 0) {
        uint32_t next = judging->stack[--judging->depth];
        result = judge_children(judging, judging->import->items[next], false, err);
    }
    return result;
}

static int judge_optional(struct judging *judging, const struct ocs_import_edge *edge,
                          struct ocs_error *err)
{
    size_t reached = judging->reached_count, subjects = judging->subject_count;
    struct ocs_error error = {0};
    int result = judge_closure(judging, edge, &error);
    if (result)
        forget(judging, reached, subjects);
    if (result == LEFT_OUT) {
        tell_left_out(judging, edge);
        return 0;
    }
    if (result == -OCS_REFUSED && judging->unlisted) { /* the images can do without it */
        ocs_error_context(&error, result, "%s", judging->source->source.text);
        ocs_import_failed(judging->import, &error);
        return 0;
    }
    if (result && err)
        *err = error;
    return result;
}

/* A subject need not be there at all (doc/documents.md): one of which a part is
 * missing is left as it is. */
static int judge_subjects(struct judging *judging, size_t *next, struct ocs_error *err)
{
    int result = 0;
    while (result == 0 && *next < judging->subject_count) {
        struct ocs_import_edge edge = {
            .place = judging->subjects[(*next)++], .role = OCS_ROLE_SUBJECT, .size = -1};
        result = judge_optional(judging, &edge, err);
    }
    return result;
}

static int judge_referrer(struct judging *judging, uint32_t place, struct ocs_error *err)
{
    struct ocs_import_item *item = judging->import->items[place];
    struct ocs_import_edge edge = {
        .place = place, .media = (uint8_t)ocs_media_of(item->media_type), .size = -1};
    if (item->visit & (JUDGED | TRIED))
        return 0;
    item->visit |= TRIED;
    return judge_optional(judging, &edge, err);
}

static int judge_referrers_of(struct judging *judging, uint32_t place, struct ocs_error *err)
{
    size_t count;
    size_t first = ocs_import_referrers_of(judging->import, place, &count);
    int result = 0;
    for (size_t i = first; result == 0 && i < first + count; i++) {
        const struct ocs_import_referrer *referrer = judging->import->referrers[i];
        if (referrer->place != OCS_IMPORT_NOWHERE)
            result = judge_referrer(judging, referrer->place, err);
    }
    return result;
}

/* What belongs to the entries without being a part of them. */
static int judge_others(struct judging *judging, struct ocs_error *err)
{
    size_t next_subject = 0;
    judging->optional = true;
    judging->ref = "a referrer";
    int result = judge_subjects(judging, &next_subject, err);
    judging->unlisted = true;
    for (size_t i = 0; result == 0 && i < judging->reached_count; i++) {
        result = judge_referrers_of(judging, judging->reached[i], err);
        if (result == 0)
            result = judge_subjects(judging, &next_subject, err);
    }
    return result;
}

static int judge_source(struct judging *judging, struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < judging->source->source.count; i++)
        result = judge_entry(judging, i, err);
    if (result == 0)
        result = judge_others(judging, err);
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
        item->visit &= (uint8_t) ~(JUDGED | SUBJECT | TRIED);
    }
}

int ocs_import_judge(struct ocs_import *import, struct ocs_error *err)
{
    size_t count = (size_t)ocs_digest_set_count(import->set) + 1;
    for (size_t i = 0; i < import->source_count; i++)
        count += import->sources[i].source.count; /* an entry is pushed again */
    size_t size = count * sizeof(uint32_t);
    auto_free uint32_t *stack = malloc(size);
    auto_free uint32_t *subjects = malloc(size);
    auto_free uint32_t *reached = malloc(size);
    if (!stack || !subjects || !reached)
        return ocs_error_memory(err);
    match_sizes(import);
    for (size_t i = 0; i < import->source_count; i++) {
        struct ocs_import_source *source = &import->sources[i];
        struct judging judging = {.import = import,
                                  .source = source,
                                  .stack = stack,
                                  .subjects = subjects,
                                  .reached = reached};
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
