/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "merge.h"

#include "cleanup.h"
#include "error.h"
#include "staging.h"

#include <fcntl.h>
#include <stdio.h>
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
};

static void report_move(const struct merging *merging, const struct ocs_merge_entry *entry,
                        const struct ocs_digest *old)
{
    char from[OCS_DIGEST_BUF], to[OCS_DIGEST_BUF];
    ocs_store_notice(merging->store, "%s:%s moved from %s to %s", merging->layout, entry->ref,
                     ocs_digest_format(old, from), ocs_digest_format(&entry->digest, to));
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

/* Positive MERGE_NOTHING: the index is as it should be. */
#define MERGE_NOTHING 1
static int make_edit(const struct merging *merging, const struct ocs_index *index,
                     struct ocs_index_edit *edit, struct ocs_error *err)
{
    size_t count = index->document.count;
    auto_free struct place *places = sort_entries(index);
    edit->keep = malloc(count + 1);
    edit->add = malloc((merging->count + 1) * sizeof(*edit->add));
    if (!places || !edit->keep || !edit->add)
        return ocs_error_memory(err);
    memset(edit->keep, true, count);
    for (size_t i = 0; i < merging->count; i++) {
        if (settle(merging, &merging->entries[i], places, count, edit->keep))
            edit->add[edit->add_count++] = merging->entries[i].text;
    }
    bool all_kept = !memchr(edit->keep, false, count);
    return edit->add_count == 0 && all_kept ? MERGE_NOTHING : 0;
}

/* ---- the layout's folder ---- */

/* What is there now; no folder or no index.json is an empty index with *fresh set. */
static int read_index(const struct merging *merging, int dir, struct ocs_index *index, bool *fresh,
                      struct ocs_error *err)
{
    struct ocs_index_wait wait = {.patience_ms = 5000, .hooks = &merging->store->hooks};
    int result = dir < 0 ? OCS_INDEX_ABSENT
                         : ocs_index_read(dir, "index.json", &wait, index, err);
    *fresh = result == OCS_INDEX_ABSENT;
    if (*fresh) {
        struct ocs_bytes empty = {.data = strdup(OCS_INDEX_EMPTY), .size = strlen(OCS_INDEX_EMPTY)};
        return empty.data ? ocs_index_parse(&empty, index, err) : ocs_error_memory(err);
    }
    return result > 0 ? -OCS_REFUSED : result;
}

static int write_layout_file(int dir, struct ocs_error *err)
{
    struct stat st;
    if (fstatat(dir, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return ocs_io_replace(dir, "oci-layout", OCS_LAYOUT_FILE, strlen(OCS_LAYOUT_FILE), 0644,
                          "oci-layout", err);
}

static int fill_folder(int parent, const char *name, const struct ocs_bytes *index,
                       struct ocs_error *err)
{
    auto_fd int dir = -1;
    int result = ocs_io_mkdir(parent, name, 0755, "layout folder", err);
    if (result == 0)
        result = ocs_io_open_dir(parent, name, &dir, "layout folder", err);
    if (result == 0)
        result = ocs_io_replace(dir, "index.json", index->data, index->size, 0644, "index.json",
                                err);
    return result == 0 ? write_layout_file(dir, err) : result;
}

/* A new layout appears with all its files at once, or not at all.
 * Positive OCS_INDEX_CHANGED: somebody made the folder in the meantime. */
static int publish_folder(const struct merging *merging, const char *path,
                          const struct ocs_bytes *index, struct ocs_error *err)
{
    char parent[OCS_LAYOUT_NAME_MAX + sizeof("layouts/")];
    struct ocs_staging staging;
    snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
    int result = ocs_io_mkdirs(merging->store->dir, parent, 0755, parent, err);
    if (result == 0)
        result = ocs_staging_open(merging->store->state, &staging, err);
    if (result < 0)
        return result;
    result = fill_folder(staging.dir, "layout", index, err);
    if (result == 0)
        result = ocs_io_rename_noreplace(staging.dir, "layout", merging->store->dir, path, path,
                                         err);
    if (result == 0)
        result = ocs_io_sync_dir(merging->store->dir, parent, parent, err);
    ocs_staging_close(&staging);
    return result == OCS_IO_EXISTS ? OCS_INDEX_CHANGED : result;
}

static int write_index(const struct merging *merging, const struct ocs_root *root, int dir,
                       const struct ocs_bytes *old, const struct ocs_bytes *bytes,
                       struct ocs_error *err)
{
    if (dir < 0)
        return publish_folder(merging, root->path, bytes, err);
    int result = ocs_index_write(dir, "index.json", old, bytes, -1, NULL, err);
    return result == 0 ? write_layout_file(dir, err) : result;
}

/* One attempt. Positive: OCS_INDEX_CHANGED. */
static int merge_into(const struct merging *merging, const struct ocs_root *root, int dir,
                      struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    auto_bytes struct ocs_bytes bytes = {0};
    struct ocs_index_edit edit = {0};
    bool fresh = false;
    struct ocs_roots_place place = ocs_store_roots_place(merging->store);
    int result = read_index(merging, dir, &index, &fresh, err);
    if (result == 0)
        result = make_edit(merging, &index, &edit, err);
    bool unchanged = result == MERGE_NOTHING && !fresh;
    if (result >= 0 && !unchanged)
        result = ocs_index_apply(&index, &edit, &bytes, err);
    free(edit.keep);
    free(edit.add);
    if (unchanged)
        return ocs_roots_remember(&place, root, &index.bytes, err);
    if (result == 0)
        result = write_index(merging, root, dir, fresh ? NULL : &index.bytes, &bytes, err);
    return result == 0 ? ocs_roots_remember(&place, root, &bytes, err) : result;
}

static int try_merge(const struct merging *merging, const struct ocs_root *root,
                     struct ocs_error *err)
{
    auto_fd int dir = -1;
    int result = ocs_store_open_layout(merging->store, root, &dir, err);
    if (result == OCS_IO_NOT_REGULAR)
        return ocs_error_raise(err, OCS_REFUSED, "%s is no folder", root->path);
    return result < 0 ? result : merge_into(merging, root, dir, err);
}

static int merge_locked(const struct merging *merging, const struct ocs_root *root,
                        struct ocs_error *err)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        int result = try_merge(merging, root, err);
        if (result != OCS_INDEX_CHANGED)
            return result;
    }
    return ocs_error_raise(err, OCS_BUSY, "index.json: somebody else keeps writing it");
}

int ocs_merge(struct ocs_store *store, const char *layout, const struct ocs_merge_entry *entries,
              size_t count, struct ocs_error *err)
{
    struct merging merging = {
        .store = store, .layout = layout, .entries = entries, .count = count};
    char id[OCS_ROOT_ID_SIZE];
    char path[OCS_LAYOUT_NAME_MAX + sizeof("layouts/")];
    auto_fd int lock = -1;
    ocs_root_id(layout, id);
    snprintf(path, sizeof(path), "layouts/%s", layout);
    struct ocs_root root = {.name = (char *)layout, .path = path};
    int result = ocs_lock_layout(store->locks, id, &store->wait, &lock, err);
    if (result == 0)
        result = merge_locked(&merging, &root, err);
    return ocs_error_context(err, result, "layout '%s'", layout);
}
