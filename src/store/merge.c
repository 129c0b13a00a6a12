/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "merge.h"

#include "cleanup.h"
#include "edit.h"
#include "error.h"

#include <string.h>

/* ---- what the edit is ---- */

/* The entries that are there, sorted by name and digest (nameless ones first). */
struct place {
    const char *ref;
    const struct ocs_digest *digest;
    uint32_t entry;
};

static int compare_refs(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = compare_refs(x->ref, y->ref);
    return order ? order : ocs_digest_compare(x->digest, y->digest);
}

static struct place *sort_entries(const struct ocs_index *index)
{
    size_t count = index->document.count;
    struct place *places = malloc((count + 1) * sizeof(*places));
    if (!places)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        places[i] = (struct place){
            .ref = ocs_index_ref(index, i),
            .digest = &index->document.descriptors[i].digest,
            .entry = (uint32_t)i,
        };
    }
    qsort(places, count, sizeof(*places), compare_places);
    return places;
}

/* The first place whose name is not before `ref`. */
static size_t lower_bound(const struct place *places, size_t count, const char *ref)
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        if (compare_refs(places[low + half].ref, ref) < 0) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

struct merging {
    struct ocs_store *store;
    const char *layout;
    const struct ocs_merge_entry *entries;
    size_t count;
    bool keep_tags;                    /* a tag that is there stays */
    bool whole;                        /* the list that was lost comes back */
    struct ocs_merge_outcome *outcome; /* or NULL */
};

static void report_move(const struct merging *merging, const struct ocs_merge_entry *entry,
                        const struct ocs_digest *old)
{
    char from[OCS_DIGEST_BUF], to[OCS_DIGEST_BUF];
    ocs_store_notice(merging->store, "%s:%s moved from %s to %s", merging->layout, entry->ref,
                     ocs_digest_format(old, from), ocs_digest_format(&entry->digest, to));
}

static void report_skip(const struct merging *merging, const struct ocs_merge_entry *entry,
                        const struct ocs_digest *there)
{
    char left[OCS_DIGEST_BUF], has[OCS_DIGEST_BUF];
    ocs_store_notice(merging->store, "%s:%s stays as it is, %s: %s did not come back",
                     merging->layout, entry->ref, ocs_digest_format(there, has),
                     ocs_digest_format(&entry->digest, left));
}

static bool has_entry(const struct place *places, size_t count, size_t first,
                      const struct ocs_merge_entry *entry)
{
    for (size_t i = first; i < count && compare_refs(places[i].ref, entry->ref) == 0; i++) {
        if (ocs_digest_equal(places[i].digest, &entry->digest))
            return true;
    }
    return false;
}

/* Whether a tag that has to stay is in the way. */
static bool is_taken(const struct merging *merging, const struct ocs_merge_entry *entry,
                     const struct place *places, size_t count)
{
    size_t first = lower_bound(places, count, entry->ref);
    if (!merging->keep_tags || !entry->ref || first == count ||
        compare_refs(places[first].ref, entry->ref) != 0 || has_entry(places, count, first, entry))
        return false;
    report_skip(merging, entry, places[first].digest);
    if (merging->outcome)
        merging->outcome->skipped = true;
    return true;
}

/* Whether the entry has to be added; drops what stands in its name's place. */
static bool settle(const struct merging *merging, const struct ocs_merge_entry *entry,
                   const struct place *places, size_t count, bool *keep)
{
    size_t first = lower_bound(places, count, entry->ref);
    bool there = false;
    for (size_t i = first; i < count && compare_refs(places[i].ref, entry->ref) == 0; i++) {
        if (ocs_digest_equal(places[i].digest, &entry->digest)) {
            there = true;
        } else if (entry->ref && keep[places[i].entry]) {
            keep[places[i].entry] = false;
            report_move(merging, entry, places[i].digest);
        }
    }
    return !there;
}

static int make_edit(void *data, const struct ocs_index *index, struct ocs_index_edit *change,
                     struct ocs_error *err)
{
    const struct merging *merging = data;
    size_t count = index->document.count;
    auto_free struct place *places = sort_entries(index);
    change->add = malloc((merging->count + 1) * sizeof(*change->add));
    if (!places || !change->add)
        return ocs_error_memory(err);
    for (size_t i = 0; i < merging->count; i++) {
        if (!is_taken(merging, &merging->entries[i], places, count) &&
            settle(merging, &merging->entries[i], places, count, change->keep))
            change->add[change->add_count++] = merging->entries[i].text;
    }
    if (merging->outcome)
        merging->outcome->added = change->add_count > 0;
    bool all_kept = !memchr(change->keep, false, count);
    return change->add_count == 0 && all_kept ? OCS_EDIT_NOTHING : 0;
}

static bool lacks(const struct place *places, size_t count, const struct ocs_merge_entry *entry)
{
    size_t first = lower_bound(places, count, entry->ref);
    bool has_tag = entry->ref && first < count && compare_refs(places[first].ref, entry->ref) == 0;
    return !has_tag && !has_entry(places, count, first, entry);
}

int ocs_merge_lacks(const struct ocs_index *index, const struct ocs_merge_entry *entries,
                    size_t count, size_t *lacking, size_t *first, struct ocs_error *err)
{
    auto_free struct place *places = sort_entries(index);
    *lacking = 0;
    if (!places)
        return ocs_error_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (lacks(places, index->document.count, &entries[i]) && (*lacking)++ == 0)
            *first = i;
    }
    return 0;
}

int ocs_merge_change(struct ocs_store *store, const char *layout,
                     const struct ocs_merge_entry *entries, size_t count,
                     const struct ocs_index *index, struct ocs_index_edit *change,
                     struct ocs_error *err)
{
    struct merging merging = {.store = store, .layout = layout, .entries = entries, .count = count};
    return make_edit(&merging, index, change, err);
}

/* Not in the place of a list that was lost: what it named would become garbage. */
static bool may_create(const struct merging *merging, const struct ocs_root *root)
{
    bool lost = root->registered && root->last.size > 0 && !merging->whole;
    return !lost && !root->attached && strcmp(root->path, ".") != 0;
}

static int locate(const struct merging *merging, struct ocs_root *root, struct ocs_error *err)
{
    struct ocs_roots_place place = ocs_store_roots_place(merging->store);
    int result = ocs_roots_locate(&place, merging->layout, root, err);
    if (result <= 0)
        return result;
    return ocs_error_raise(err, OCS_REFUSED, "layout '%s': its entry in .ocistore/roots is damaged",
                           merging->layout);
}

/* Somebody removed the layout since it was located. */
static bool was_removed(const struct merging *merging, const struct ocs_root *root)
{
    struct ocs_root now = {0};
    bool gone = root->registered && locate(merging, &now, NULL) == 0 && !now.registered;
    ocs_root_clear(&now);
    return gone;
}

static int hint_lost(const struct merging *merging, const struct ocs_root *root, int result,
                     struct ocs_error *err)
{
    auto_fd int dir = -1;
    char help[OCS_ROOT_HELP_SIZE];
    if (ocs_store_open_layout(merging->store, root, &dir, NULL) == OCS_IO_ABSENT)
        return ocs_root_hint_missing(root, result, err);
    return ocs_error_hint(
        err, result,
        "`ocistore fsck --repair` puts the last good index.json back into its folder%s",
        ocs_root_gone_help(root, help, sizeof(help)));
}

static int merge_into(struct merging *merging, const struct ocs_root *root, struct ocs_error *err)
{
    struct ocs_edit edit = {
        .root = root,
        .create = may_create(merging, root),
        .data = merging,
        .make = make_edit,
    };
    int result = ocs_edit(merging->store, &edit, err);
    return result == -OCS_REFUSED && root->registered ? hint_lost(merging, root, result, err)
                                                      : result;
}

static int merge(struct merging *merging, struct ocs_error *err)
{
    int result = -OCS_REFUSED;
    bool again = true;
    while (result == -OCS_REFUSED && again) {
        struct ocs_root root = {0};
        result = locate(merging, &root, err);
        if (result < 0)
            return result;
        result = merge_into(merging, &root, err);
        again = result == -OCS_REFUSED && was_removed(merging, &root);
        ocs_root_clear(&root);
    }
    return result;
}

int ocs_merge(struct ocs_store *store, const char *layout, const struct ocs_merge_entry *entries,
              size_t count, struct ocs_error *err)
{
    struct merging merging = {.store = store, .layout = layout, .entries = entries, .count = count};
    return merge(&merging, err);
}

int ocs_merge_lost(struct ocs_store *store, const char *layout,
                   const struct ocs_merge_entry *entries, size_t count, struct ocs_error *err)
{
    struct merging merging = {
        .store = store,
        .layout = layout,
        .entries = entries,
        .count = count,
        .keep_tags = true,
        .whole = true,
    };
    return merge(&merging, err);
}

int ocs_merge_missing(struct ocs_store *store, const char *layout,
                      const struct ocs_merge_entry *entries, size_t count,
                      struct ocs_merge_outcome *outcome, struct ocs_error *err)
{
    struct merging merging = {
        .store = store,
        .layout = layout,
        .entries = entries,
        .count = count,
        .keep_tags = true,
        .outcome = outcome,
    };
    *outcome = (struct ocs_merge_outcome){0};
    return merge(&merging, err);
}
