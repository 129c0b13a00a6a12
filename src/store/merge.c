/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "merge.h"

#include "cleanup.h"
#include "edit.h"
#include "error.h"

#include <stdio.h>
#include <string.h>

/* ---- what the edit is ---- */

/* A name may lead to several images (one for each platform), so it is sets of entries
 * that are merged: what the new list has under a name takes the place of what the old
 * one has under it, and of that nothing that is in both. */

/* Entries of one list, sorted by name and digest; nameless ones first. */
struct place {
    const char *ref;
    const struct ocs_digest *digest;
    size_t entry;
};

struct places {
    struct place *list;
    size_t count;
};

static void places_clear(struct places *places)
{
    free(places->list);
}
#define auto_places __attribute__((cleanup(places_clear)))

static int compare_refs(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = compare_refs(x->ref, y->ref);
    if (order == 0)
        order = ocs_digest_compare(x->digest, y->digest);
    return order ? order : (x->entry > y->entry) - (x->entry < y->entry);
}

static int places_new(struct places *places, size_t count, struct ocs_error *err)
{
    places->list = calloc(count + 1, sizeof(*places->list));
    places->count = count;
    return places->list ? 0 : ocs_error_memory(err);
}

static void places_sort(struct places *places)
{
    qsort(places->list, places->count, sizeof(*places->list), compare_places);
}

static int places_of_index(struct places *places, const struct ocs_index *index,
                           struct ocs_error *err)
{
    int result = places_new(places, index->document.count, err);
    for (size_t i = 0; result == 0 && i < places->count; i++)
        places->list[i] =
            (struct place){ocs_index_ref(index, i), &index->document.descriptors[i].digest, i};
    if (result == 0)
        places_sort(places);
    return result;
}

static int places_of_entries(struct places *places, const struct ocs_merge_entry *entries,
                             size_t count, struct ocs_error *err)
{
    int result = places_new(places, count, err);
    for (size_t i = 0; result == 0 && i < count; i++)
        places->list[i] = (struct place){entries[i].ref, &entries[i].digest, i};
    if (result == 0)
        places_sort(places);
    return result;
}

static int compare_to(const struct place *place, const char *ref, const struct ocs_digest *digest)
{
    int order = compare_refs(place->ref, ref);
    if (order == 0)
        order = digest ? ocs_digest_compare(place->digest, digest) : 1;
    return order;
}

/* The first place that is not before this name and digest (NULL: the first of the name). */
static size_t lower_bound(const struct places *places, const char *ref,
                          const struct ocs_digest *digest)
{
    size_t low = 0, count = places->count;
    while (count > 0) {
        size_t half = count / 2;
        if (compare_to(&places->list[low + half], ref, digest) < 0) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

/* The first with this name and digest, or NULL. */
static const struct place *find(const struct places *places, const char *ref,
                                const struct ocs_digest *digest)
{
    size_t at = lower_bound(places, ref, digest);
    bool found = at < places->count && compare_to(&places->list[at], ref, digest) == 0;
    return found ? &places->list[at] : NULL;
}

/* What stands under the name and not in the new list, from *from on; or NULL. */
static const struct place *find_other(const struct places *there, const struct places *wanted,
                                      const char *ref, size_t *from)
{
    for (; *from < there->count && compare_refs(there->list[*from].ref, ref) == 0; ++*from) {
        const struct place *place = &there->list[*from];
        if (!find(wanted, ref, place->digest))
            return place;
    }
    return NULL;
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

void ocs_merge_outcome_clear(struct ocs_merge_outcome *outcome)
{
    for (size_t i = 0; i < outcome->told_count; i++)
        free(outcome->told[i]);
    free(outcome->told);
}

/* Whether `text` was told before; one that cannot be kept may be told again. */
static bool was_told(struct ocs_merge_outcome *outcome, const char *text)
{
    size_t count = outcome->told_count;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(outcome->told[i], text) == 0)
            return true;
    }
    if ((count & (count - 1)) == 0) {
        char **grown = realloc(outcome->told, (count ? count * 2 : 1) * sizeof(*grown));
        if (!grown)
            return false;
        outcome->told = grown;
    }
    outcome->told[count] = strdup(text);
    outcome->told_count += outcome->told[count] != NULL;
    return false;
}

static void note_skip(struct ocs_merge_outcome *outcome, const struct ocs_merge_entry *entry)
{
    outcome->skipped = true;
    if (outcome->skipped_ref[0])
        return;
    snprintf(outcome->skipped_ref, sizeof(outcome->skipped_ref), "%s", entry->ref);
    outcome->skipped_digest = entry->digest;
}

static void report_skip(const struct merging *merging, const struct ocs_merge_entry *entry,
                        const struct ocs_digest *there)
{
    char left[OCS_DIGEST_BUF], has[OCS_DIGEST_BUF];
    char text[1024];
    snprintf(text, sizeof(text), "%s:%s stays as it is, %s: %s did not come back under this name",
             merging->layout, entry->ref, ocs_digest_format(there, has),
             ocs_digest_format(&entry->digest, left));
    if (merging->outcome)
        note_skip(merging->outcome, entry);
    if (!merging->outcome || !was_told(merging->outcome, text))
        ocs_store_notice(merging->store, "%s", text);
}

/* What has the tag of the entry and is to stay; or NULL. */
static const struct place *in_the_way(const struct ocs_merge_entry *entry,
                                      const struct places *there, const struct places *wanted)
{
    size_t from = lower_bound(there, entry->ref, NULL);
    return entry->ref ? find_other(there, wanted, entry->ref, &from) : NULL;
}

static void drop_others(const struct merging *merging, const struct ocs_merge_entry *entry,
                        const struct places *there, const struct places *wanted, bool *keep)
{
    const struct place *other;
    size_t from = lower_bound(there, entry->ref, NULL);
    for (; entry->ref && (other = find_other(there, wanted, entry->ref, &from)); from++) {
        keep[other->entry] = false;
        report_move(merging, entry, other->digest);
    }
}

/* Whether the entry has to be added. */
static bool settle(const struct merging *merging, size_t number, const struct places *there,
                   const struct places *wanted, bool *keep)
{
    const struct ocs_merge_entry *entry = &merging->entries[number];
    bool first = wanted->list[lower_bound(wanted, entry->ref, NULL)].entry == number;
    if (first && !merging->keep_tags)
        drop_others(merging, entry, there, wanted, keep);
    if (find(there, entry->ref, &entry->digest))
        return false;
    const struct place *other = merging->keep_tags ? in_the_way(entry, there, wanted) : NULL;
    if (other) {
        report_skip(merging, entry, other->digest);
        return false;
    }
    return find(wanted, entry->ref, &entry->digest)->entry == number;
}

static int make_edit(void *data, const struct ocs_index *index, struct ocs_index_edit *change,
                     struct ocs_error *err)
{
    const struct merging *merging = data;
    auto_places struct places there = {0}, wanted = {0};
    int result = places_of_index(&there, index, err);
    if (result == 0)
        result = places_of_entries(&wanted, merging->entries, merging->count, err);
    if (result < 0)
        return result;
    change->add = malloc((merging->count + 1) * sizeof(*change->add));
    if (!change->add)
        return ocs_error_memory(err);
    for (size_t i = 0; i < merging->count; i++) {
        if (settle(merging, i, &there, &wanted, change->keep))
            change->add[change->add_count++] = merging->entries[i].text;
    }
    if (merging->outcome)
        merging->outcome->added = change->add_count > 0;
    bool all_kept = !memchr(change->keep, false, there.count);
    return change->add_count == 0 && all_kept ? OCS_EDIT_NOTHING : 0;
}

int ocs_merge_lacks(const struct ocs_index *index, const struct ocs_merge_entry *entries,
                    size_t count, size_t *lacking, size_t *first, struct ocs_error *err)
{
    auto_places struct places there = {0}, wanted = {0};
    *lacking = 0;
    int result = places_of_index(&there, index, err);
    if (result == 0)
        result = places_of_entries(&wanted, entries, count, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        bool lacks = !find(&there, entries[i].ref, &entries[i].digest) &&
                     !in_the_way(&entries[i], &there, &wanted);
        if (lacks && (*lacking)++ == 0)
            *first = i;
    }
    return result;
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
    return ocs_error_hint(err,
                          ocs_error_raise(err, OCS_REFUSED,
                                          "layout '%s': its entry in .ocistore/roots is damaged",
                                          merging->layout),
                          "ocistore fsck --repair");
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
    int opened = ocs_store_open_layout(merging->store, root, &dir, NULL);
    if (opened == OCS_IO_ABSENT || opened == OCS_IO_NOT_REGULAR)
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
        .whole = !outcome,
        .outcome = outcome,
    };
    if (outcome)
        outcome->added = outcome->skipped = false;
    return merge(&merging, err);
}
