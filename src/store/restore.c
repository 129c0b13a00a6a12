/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "trash_layout.h"

#include "cleanup.h"
#include "extras.h"
#include "error.h"
#include "heal.h"
#include "missing.h"
#include "restore_list.h"
#include "shell_word.h"
#include "short_digest.h"
#include "trash.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* trash restore. */

/* ---- what lies there ---- */

/* What is looked for, and the runs that hold it, oldest first. */
struct search {
    const char *layout; /* or NULL */
    const struct ocs_digest *digest;
    char (*runs)[OCS_RUN_NAME_SIZE];
    size_t count;
};

static void search_clear(struct search *search)
{
    free(search->runs);
}
#define auto_search __attribute__((cleanup(search_clear)))

static int add_run(struct search *search, const char *run, struct ocs_error *err)
{
    if (search->count > 0 && strcmp(search->runs[search->count - 1], run) == 0)
        return 0;
    if ((search->count & (search->count - 1)) == 0) {
        size_t capacity = search->count ? search->count * 2 : 1;
        void *grown = realloc(search->runs, capacity * sizeof(*search->runs));
        if (!grown)
            return ocs_error_memory(err);
        search->runs = grown;
    }
    snprintf(search->runs[search->count++], OCS_RUN_NAME_SIZE, "%s", run);
    return 0;
}

/* A layout that had lost its index.json went without one; the last good one went along. */
static bool is_of_layout(const char *path, const char *layout)
{
    char name[OCS_LAYOUT_NAME_MAX + 1];
    return (ocs_trash_layout_of(path, "/index.json", name, sizeof(name)) ||
            ocs_trash_layout_of(path, "/oci-layout", name, sizeof(name))) &&
           strcmp(name, layout) == 0;
}

static int match_entry(void *data, const char *run, const char *path,
                       const struct ocs_digest *digest, const struct stat *st,
                       struct ocs_error *err)
{
    struct search *search = data;
    (void)st;
    bool found = search->digest ? digest && ocs_digest_equal(digest, search->digest)
                                : is_of_layout(path, search->layout);
    return found ? add_run(search, run, err) : 0;
}

/* An image has no name of its own in the trash: its layout may. */
static int find_none(struct ocs_store *store, const char *name, struct ocs_error *err)
{
    char layout[OCS_LAYOUT_NAME_MAX + 1];
    auto_search struct search search = {.layout = layout};
    struct ocs_trash_visitor visitor = {.data = &search, .on_entry = match_entry};
    size_t size = strcspn(name, ":@");
    snprintf(layout, sizeof(layout), "%.*s", (int)size, name);
    if (name[size])
        ocs_trash_each(store->state, &visitor, NULL);
    int result = ocs_error_raise(err, OCS_USAGE, "nothing of '%s' lies in the trash", name);
    return search.count > 0 ? ocs_error_hint(err, result, "ocistore trash restore %s", layout)
                            : ocs_error_hint(err, result, "ocistore trash list");
}

static int find(struct ocs_store *store, struct search *search, const char *name,
                struct ocs_error *err)
{
    struct ocs_trash_visitor visitor = {.data = search, .on_entry = match_entry};
    int result = ocs_trash_each(store->state, &visitor, err);
    return result == 0 && search->count == 0 ? find_none(store, name, err) : result;
}

/* The newest copy that is whole. */
static int restore_copy(struct ocs_store *store, const struct search *search, const char *text,
                        struct ocs_error *err)
{
    int result = OCS_BLOB_BAD;
    for (size_t i = search->count; i > 0 && (result == OCS_BLOB_BAD || result == OCS_IO_ABSENT);
         i--)
        result = ocs_trash_restore_blob(store->state, search->runs[i - 1], store->blobs,
                                        search->digest, err);
    if (result == OCS_IO_ABSENT)
        return ocs_error_raise(err, OCS_BUSY, "%s was taken out of the trash meanwhile", text);
    if (result == OCS_BLOB_BAD)
        return ocs_error_hint(
            err, ocs_error_raise(err, OCS_REFUSED, "%s is damaged: it stays in the trash", text),
            "import an image that has it again");
    return result < 0 ? result : ocs_blobs_sync(store->blobs, err);
}

/* Whoever wants a manifest back may want the image. */
static void tell_document(struct ocs_store *store, const struct ocs_digest *digest,
                          const char *text)
{
    auto_bytes struct ocs_bytes bytes = {0};
    auto_document struct ocs_document document = {0};
    if (ocs_blobs_read(store->blobs, digest, OCS_DOCUMENT_BYTES_MAX, &bytes, NULL, NULL) == 0 &&
        ocs_document_read(bytes.data, bytes.size, OCS_JSON_DOCUMENT_LIMITS, &document, NULL) == 0 &&
        document.shape)
        ocs_store_notice(store,
                         "%s is a manifest or an index, and is back alone: ocistore adopt %s "
                         "%s lists it, and brings back what it needs",
                         text, text, ocs_seen_in_place(store->dir) ? "." : OCS_ROOT_FOUND_NAME);
}

static int restore_blob(struct ocs_store *store, const struct ocs_digest *digest, const char *text,
                        bool *changed, struct ocs_error *err)
{
    auto_search struct search search = {.digest = digest};
    struct stat st;
    int result = ocs_blobs_stat(store->blobs, digest, &st, err);
    if (result == 0)
        ocs_store_notice(store, "%s is in the store already", text);
    if (result <= 0)
        return result;
    result = find(store, &search, text, err);
    if (result == 0)
        result = restore_copy(store, &search, text, err);
    *changed = result == 0;
    if (result == 0)
        tell_document(store, digest, text);
    return result;
}

static int restore_run(struct ocs_store *store, const char *run, const char *layout,
                       struct ocs_merge_outcome *outcome, struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    uint64_t moved = 0;
    bool is_last = false;
    int result = ocs_trash_layout_index(store, run, layout, &index, &is_last, err);
    if (is_last)
        ocs_store_notice(store,
                         "trash/%s/layouts/%s/index.json is no index: the last good one is used",
                         run, layout);
    if (result == 0)
        result = ocs_restore_list(store, layout, &index, outcome, err);
    /* the folder appears with its two files at once: the others follow */
    if (result == 0 && strcmp(layout, ".") != 0)
        result = ocs_extras_restore(store, run, layout, &moved, err);
    outcome->added |= moved > 0;
    return result;
}

static int clear_place(struct ocs_store *store, const char *layout, struct ocs_error *err)
{
    char run[OCS_RUN_NAME_SIZE];
    bool moved;
    ocs_run_name(run);
    int result = ocs_extras_put_aside(store, run, layout, &moved, err);
    if (result < 0 || !moved)
        return result < 0 ? result : 0;
    ocs_store_notice(store, "layouts/%s, which was no folder, lies in the trash now", layout);
    return ocs_trash_sync(store->state, run, err);
}

/* Nobody took it by rm. *done: it is back. */
static int restore_folder(struct ocs_store *store, const char *layout, bool *done,
                          struct ocs_error *err)
{
    auto_index struct ocs_index last = {0};
    bool gone;
    int result = ocs_restore_last(store, layout, &last, &gone, err);
    if (result == OCS_ROOTS_DAMAGED)
        return ocs_error_hint(err,
                              ocs_error_raise(err, OCS_REFUSED,
                                              "layout '%s': its entry in .ocistore/roots is "
                                              "damaged",
                                              layout),
                              "ocistore fsck --repair");
    if (result != 0 || !gone)
        return result < 0 ? result : 0;
    result = clear_place(store, layout, err);
    if (result == 0)
        result = ocs_restore_list(store, layout, &last, NULL, err);
    *done = result == 0;
    return result;
}

/* Neither did rm take what another tool has taken out of its index.json. */
static int restore_entries(struct ocs_store *store, const char *layout,
                           struct ocs_merge_outcome *outcome, struct ocs_error *err)
{
    auto_index struct ocs_index last = {0};
    bool gone;
    int result = ocs_restore_last(store, layout, &last, &gone, err);
    if (result != 0)
        return result < 0 ? result : 0;
    result = ocs_restore_list(store, layout, &last, outcome, err);
    if (result == 0 && outcome->added)
        ocs_store_notice(store, "layout '%s': no rm took this: it was in its last good index.json",
                         layout);
    return result;
}

/* Of the runs before the one that was undone. */
static void tell_more(struct ocs_store *store, const struct search *search, size_t left)
{
    auto_index struct ocs_index now = {0};
    struct ocs_trash_lack lack = {0};
    if (left == 0 || ocs_trash_layout_now(store, search->layout, &now, NULL) != 0)
        return;
    while (left > 0 && lack.images == 0)
        ocs_trash_layout_lacks(store, search->runs[--left], search->layout, &now, &lack);
    if (lack.images > 0)
        ocs_store_notice(store,
                         "layout '%s': an older rm, that of %s, took something else (%s%s%s): the "
                         "same command once more brings that back",
                         search->layout, search->runs[left], search->layout, lack.first,
                         lack.images > 1 ? ", ..." : "");
}

struct restoring {
    struct ocs_store *store;
    void *data;
    ocs_change_fn *on_change;
    bool incomplete;       /* some layout lacks blobs or images now */
    struct ocs_error lack; /* which */
};

static void tell_change(const struct restoring *restoring, const char *action, const char *layout,
                        const char *digest)
{
    struct ocs_change change = {.action = action, .layout = layout, .digest = digest};
    if (restoring->on_change)
        restoring->on_change(restoring->data, &change);
}

static void note_taken(struct restoring *restoring, const char *layout,
                       const struct ocs_merge_outcome *outcome)
{
    char digest[OCS_DIGEST_BUF];
    char image[OCS_LAYOUT_NAME_MAX + sizeof(outcome->skipped_ref) + 8];
    snprintf(image, sizeof(image), "%s:%s-old", layout, outcome->skipped_ref);
    restoring->incomplete = true;
    ocs_error_hint(&restoring->lack,
                   ocs_error_raise(&restoring->lack, OCS_REFUSED,
                                   "nothing of layout '%s' came back: its tags lead to other "
                                   "images now",
                                   layout),
                   "under another tag: ocistore adopt %s %s",
                   ocs_digest_format(&outcome->skipped_digest, digest), ocs_shell_word(image).text);
}

/* The newest rm that took something which the layout does not have again: so each
 * call undoes one. That it is an older one, since tags are in the way of what a newer one took,
 * is said. */
static int restore_runs(struct ocs_store *store, const struct search *search,
                        struct ocs_merge_outcome *outcome, struct ocs_error *err)
{
    bool skipped = false; /* a newer one */
    int result = 0;
    size_t left = search->count;
    while (result == 0 && !outcome->added && left > 0) {
        skipped |= outcome->skipped;
        result = restore_run(store, search->runs[--left], search->layout, outcome, err);
    }
    if (result == 0 && outcome->added && skipped)
        ocs_store_notice(store, "layout '%s': this is what an older rm took, that of %s",
                         search->layout, search->runs[left]);
    if (result == 0 && outcome->added)
        tell_more(store, search, left);
    outcome->skipped |= skipped;
    return result;
}

static int restore_layout(struct restoring *restoring, const char *layout, bool *changed,
                          struct ocs_error *err)
{
    struct ocs_store *store = restoring->store;
    auto_search struct search search = {.layout = layout};
    struct ocs_trash_visitor visitor = {.data = &search, .on_entry = match_entry};
    auto_merge_outcome struct ocs_merge_outcome outcome = {0};
    int result = ocs_trash_each(store->state, &visitor, err);
    if (result == 0)
        result = restore_runs(store, &search, &outcome, err);
    if (result == 0 && !outcome.added)
        result = restore_entries(store, layout, &outcome, err);
    *changed = outcome.added;
    if (result == 0 && !outcome.added && outcome.skipped)
        note_taken(restoring, layout, &outcome);
    else if (result == 0 && !outcome.added)
        ocs_store_notice(store, "layout '%s' lists everything that rm took from it", layout);
    return result;
}

/* ---- is it whole? ---- */

struct lacking {
    const struct restoring *restoring;
    const char *layout;
    uint64_t count;
    char first[OCS_DIGEST_BUF];
};

/* What the layout has in a blobs/ of its own came back with its folder. */
static void on_missing(void *data, const struct ocs_digest *digest)
{
    struct lacking *lacking = data;
    char text[OCS_DIGEST_BUF], path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof(path), "layouts/%s/blobs/%s", lacking->layout,
             ocs_digest_path(digest, text));
    if (fstatat(lacking->restoring->store->dir, path, &st, 0) == 0)
        return;
    ocs_digest_format(digest, text);
    if (lacking->count++ == 0)
        memcpy(lacking->first, text, sizeof(text));
    tell_change(lacking->restoring, "missing", NULL, text);
}

/* That its list is back says nothing of the blobs. */
static int check_layout(struct restoring *restoring, const char *layout, bool changed,
                        struct ocs_error *err)
{
    struct lacking lacking = {.restoring = restoring, .layout = layout};
    uint64_t count = 0;
    int result = ocs_missing_each(restoring->store, layout, &lacking, on_missing, &count, err);
    if (result < 0)
        return result;
    if (changed)
        tell_change(restoring, lacking.count ? "restore-incomplete" : "restore", layout, NULL);
    if (lacking.count == 0)
        return 0;
    restoring->incomplete = true;
    ocs_error_hint(
        &restoring->lack,
        ocs_error_raise(&restoring->lack, OCS_REFUSED,
                        "layout '%s' is there, but %llu of the blobs that it needs %s "
                        "neither in the store nor whole in its trash: %s%s",
                        layout, (unsigned long long)lacking.count,
                        lacking.count == 1 ? "is" : "are", lacking.first,
                        lacking.count == 1 ? "" : ", ..."),
        "ocistore fsck --repair --from DIR, with a layout that has them; without one its damaged "
        "images can only be imported again, or removed");
    return 0;
}

/* ---- by digest, by name ---- */

static int restore_digest(struct restoring *restoring, const char *text, struct ocs_error *err)
{
    char whole[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    bool changed = false;
    int result = ocs_short_digest(restoring->store, text, &digest, err);
    if (result < 0)
        return result;
    ocs_digest_format(&digest, whole);
    result = restore_blob(restoring->store, &digest, whole, &changed, err);
    if (changed)
        tell_change(restoring, "restore", NULL, whole);
    return result;
}

/* Nothing is done for one name when there is nothing for another. */
static int check_digest(struct ocs_store *store, const char *text, struct ocs_error *err)
{
    char whole[OCS_DIGEST_BUF];
    struct ocs_digest digest;
    struct stat st;
    auto_search struct search search = {.digest = &digest};
    int result = ocs_short_digest(store, text, &digest, err);
    if (result == 0)
        result = ocs_blobs_stat(store->blobs, &digest, &st, err);
    return result > 0 ? find(store, &search, ocs_digest_format(&digest, whole), err) : result;
}

static int check_name(struct ocs_store *store, const char *name, struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    auto_search struct search search = {.layout = name};
    bool gone;
    if (ocs_short_digest_given(name))
        return check_digest(store, name, err);
    int result = ocs_restore_last(store, name, &index, &gone, err);
    if (result == OCS_ROOTS_DAMAGED)
        return 0; /* told when it is its turn */
    return result > 0 ? find(store, &search, name, err) : result;
}

/* Its folder was made anew from what it listed last: what rm took before is another matter. */
static int tell_older(struct ocs_store *store, const char *layout, struct ocs_error *err)
{
    auto_search struct search search = {.layout = layout};
    struct ocs_trash_visitor visitor = {.data = &search, .on_entry = match_entry};
    int result = ocs_trash_each(store->state, &visitor, err);
    if (result == 0)
        tell_more(store, &search, search.count);
    return result;
}

static int restore_one(struct restoring *restoring, const char *name, struct ocs_error *err)
{
    struct ocs_store *store = restoring->store;
    bool changed = false;
    if (ocs_short_digest_given(name))
        return restore_digest(restoring, name, err);
    int result = restore_folder(store, name, &changed, err);
    if (result == 0 && changed)
        result = tell_older(store, name, err);
    else if (result == 0)
        result = restore_layout(restoring, name, &changed, err);
    return result == 0 ? check_layout(restoring, name, changed, err) : result;
}

int ocs_trash_restore(struct ocs_store *store, const char *const *names, size_t count, void *data,
                      ocs_change_fn *on_change, struct ocs_error *err)
{
    struct restoring restoring = {.store = store, .data = data, .on_change = on_change};
    uint64_t healed = 0;
    int result = ocs_store_writer(store, err);
    if (result < 0)
        return result;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = check_name(store, names[i], err);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = restore_one(&restoring, names[i], err);
    if (result == 0) /* what a restored blob is needed with */
        result = ocs_heal(store, &healed, err);
    ocs_store_writer_end(store);
    if (result < 0 || !restoring.incomplete)
        return result;
    if (err)
        *err = restoring.lack;
    return -OCS_REFUSED;
}
