/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "edit.h"

#include "cleanup.h"
#include "error.h"
#include "exchange.h"
#include "rescue.h"
#include "staging.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ATTEMPTS     100
#define PAUSE_MAX_MS 50 /* with ATTEMPTS some four seconds in all */
#define LOCK_BESIDE  "index.json.lock"

struct editing {
    struct ocs_store *store;
    const struct ocs_edit *edit;
    struct ocs_rescue *rescue;
    const struct ocs_bytes *read; /* while index.json is exchanged */
};

/* What is there now; no folder or no index.json is an empty index with *fresh set. */
static int read_index(struct ocs_store *store, const struct ocs_edit *edit, int dir,
                      struct ocs_index *index, bool *fresh, struct ocs_error *err)
{
    struct ocs_index_wait wait = {.patience_ms = 5000, .hooks = &store->hooks};
    int result = OCS_INDEX_ABSENT;
    if (dir >= 0)
        result = ocs_index_read(dir, edit->root->path, &wait, index, err);
    *fresh = result == OCS_INDEX_ABSENT && edit->create;
    if (*fresh) {
        struct ocs_bytes empty = {.data = strdup(OCS_INDEX_EMPTY), .size = strlen(OCS_INDEX_EMPTY)};
        return empty.data ? ocs_index_parse(&empty, index, err) : ocs_error_memory(err);
    }
    if (dir < 0) /* as it was described when it was to be opened */
        return ocs_root_hint_missing(edit->root, -OCS_REFUSED, err);
    return result > 0 ? ocs_root_refuse(edit->root, err) : result;
}

static int write_layout_file(int dir, struct ocs_error *err)
{
    struct stat st;
    if (fstatat(dir, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return ocs_io_replace(dir, "oci-layout", OCS_LAYOUT_FILE, strlen(OCS_LAYOUT_FILE),
                          OCS_MODE_FILE, "oci-layout", err);
}

static int fill_folder(int parent, const char *name, const struct ocs_bytes *index,
                       struct ocs_error *err)
{
    auto_fd int dir = -1;
    int result = ocs_io_mkdir(parent, name, OCS_MODE_FOLDER, "layout folder", err);
    if (result == 0)
        result = ocs_io_open_dir(parent, name, &dir, "layout folder", err);
    if (result == 0)
        result = ocs_io_replace(dir, "index.json", index->data, index->size, OCS_MODE_FILE,
                                "index.json", err);
    return result == 0 ? write_layout_file(dir, err) : result;
}

/* A new layout appears with all its files at once, or not at all.
 * Positive OCS_INDEX_CHANGED: somebody made the folder in the meantime, or removed the one
 * above it: rm does so with an empty one. */
static int publish_folder(struct ocs_store *store, const char *path, const struct ocs_bytes *index,
                          struct ocs_error *err)
{
    char parent[OCS_LAYOUT_NAME_MAX + sizeof("layouts/")];
    struct ocs_staging staging;
    snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
    int result = ocs_io_mkdirs(store->dir, parent, OCS_MODE_FOLDER, parent, err);
    if (result == 0)
        result = ocs_staging_open(store->state, &staging, err);
    if (result < 0)
        return result;
    result = fill_folder(staging.dir, "layout", index, err);
    if (result == 0)
        result = ocs_io_rename_noreplace(staging.dir, "layout", store->dir, path, path, err);
    if (result == 0)
        result = ocs_io_sync_dir(store->dir, parent, parent, err);
    ocs_staging_close(&staging);
    return result > 0 ? OCS_INDEX_CHANGED : result;
}

/* The folder in the trash that takes the old index.json; -1 when it is dropped. */
static int open_trash(struct ocs_store *store, const struct ocs_edit *edit, int *fd,
                      struct ocs_error *err)
{
    char path[OCS_LAYOUT_NAME_MAX + 64];
    if (!edit->run)
        return 0;
    snprintf(path, sizeof(path), "trash/%s/layouts/%s", edit->run, edit->root->name);
    int result = ocs_io_mkdirs(store->state, path, OCS_MODE_FOLDER, path, err);
    if (result == 0)
        result = ocs_io_open_dir(store->state, path, fd, path, err);
    return result > 0 ? ocs_error_raise(err, OCS_FAILED, "%s is no folder", path) : result;
}

/* buildkit's lock on a layout, a file that it removes afterwards: whoever has locked
 * one that is gone by now has nothing.  Where it cannot be made *fd stays -1: it is a
 * courtesy, the exchange alone loses nothing of anybody's. */
static int lock_beside(struct ocs_store *store, int dir, int *fd, struct ocs_error *err)
{
    for (;;) {
        struct stat mine, there;
        auto_fd int opened = -1;
        if (ocs_io_open_or_create(dir, LOCK_BESIDE, OCS_MODE_FILE, &opened, LOCK_BESIDE, NULL) < 0)
            return 0;
        int result = ocs_lock_file(opened, true, LOCK_BESIDE, &store->wait, err);
        if (result < 0)
            return result;
        if (fstat(opened, &mine) == 0 &&
            fstatat(dir, LOCK_BESIDE, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            mine.st_ino == there.st_ino && mine.st_dev == there.st_dev) {
            *fd = TAKE_FD(opened);
            return 0;
        }
    }
}

static int on_given_way(void *data, const struct ocs_bytes *version, struct ocs_error *err)
{
    const struct editing *editing = data;
    return ocs_rescue_keep(editing->rescue, editing->store, editing->edit->root->name,
                           editing->read, version, err);
}

static int swap_index(struct editing *editing, int dir, const struct ocs_bytes *bytes, int trash,
                      struct ocs_error *err)
{
    struct ocs_store *store = editing->store;
    const struct ocs_exchange order = {
        .dir = dir,
        .expected = editing->read,
        .bytes = bytes,
        .old_dir = trash,
        .old_name = "index.json",
        .data = editing,
        .on_given_way = on_given_way,
    };
    auto_fd int lock = -1;
    int result = lock_beside(store, dir, &lock, err);
    if (result == 0)
        result = ocs_exchange_index(&order, err);
    if (lock >= 0)
        ocs_io_unlink(dir, LOCK_BESIDE, 0, LOCK_BESIDE, NULL);
    return result;
}

static int write_index(struct editing *editing, int dir, const struct ocs_bytes *bytes,
                       struct ocs_error *err)
{
    auto_fd int trash = -1;
    const struct ocs_edit *edit = editing->edit;
    if (dir < 0)
        return publish_folder(editing->store, edit->root->path, bytes, err);
    int result = open_trash(editing->store, edit, &trash, err);
    if (result == 0)
        result = swap_index(editing, dir, bytes, trash, err);
    return result == 0 && edit->create ? write_layout_file(dir, err) : result;
}

static int change_index(struct editing *editing, int dir, const struct ocs_index *index, bool fresh,
                        struct ocs_index_edit *change, struct ocs_error *err)
{
    auto_bytes struct ocs_bytes bytes = {0};
    const struct ocs_edit *edit = editing->edit;
    struct ocs_roots_place place = ocs_store_roots_place(editing->store);
    editing->read = fresh ? NULL : &index->bytes;
    int result = edit->make(edit->data, index, change, err);
    if (result == OCS_EDIT_NOTHING && !fresh)
        return ocs_roots_remember(&place, edit->root, &index->bytes, err);
    if (result == 0 || result == OCS_EDIT_NOTHING)
        result = ocs_index_apply(index, change, &bytes, err);
    if (result == 0)
        result = write_index(editing, dir, &bytes, err);
    if (result == 0)
        result = ocs_roots_remember(&place, edit->root, &bytes, err);
    if (result == 0 && edit->done)
        edit->done(edit->data, index, change);
    return result;
}

/* Positive: OCS_INDEX_CHANGED. */
static int try_edit(struct editing *editing, struct ocs_error *err)
{
    struct ocs_store *store = editing->store;
    const struct ocs_edit *edit = editing->edit;
    auto_fd int dir = -1;
    auto_index struct ocs_index index = {0};
    bool fresh = false;
    int result = ocs_store_open_layout(store, edit->root, &dir, err);
    if (result == OCS_IO_NOT_REGULAR && edit->root->registered)
        return ocs_root_hint_missing(edit->root, -OCS_REFUSED, err);
    if (result == OCS_IO_NOT_REGULAR)
        return ocs_error_hint(
            err, ocs_error_raise(err, OCS_REFUSED, "%s is no folder", edit->root->path),
            "move it away");
    if (result >= 0)
        result = read_index(store, edit, dir, &index, &fresh, err);
    if (result < 0)
        return result;
    if (index.document.state != OCS_DOCUMENT_STRICT)
        return ocs_error_raise(err, OCS_REFUSED,
                               "index.json can be read in two ways (%s, '%s'): it is not edited",
                               index.document.flaw.reason, index.document.flaw.name);
    auto_free bool *keep = malloc(index.document.count + 1);
    if (!keep)
        return ocs_error_memory(err);
    memset(keep, true, index.document.count);
    struct ocs_index_edit change = {.keep = keep};
    result = change_index(editing, dir, &index, fresh, &change, err);
    free(change.add);
    return result;
}

int ocs_edit_lock(struct ocs_store *store, const char *layout, int *fd, struct ocs_error *err)
{
    char id[OCS_ROOT_ID_SIZE];
    int result = ocs_root_id(layout, id, err);
    return result ? result : ocs_lock_layout(store->locks, id, &store->wait, fd, err);
}

/* What one attempt finds in the way is soon gone: nobody holds a file open for long. */
static void pause_before(int attempt)
{
    long ms = attempt < PAUSE_MAX_MS ? attempt : PAUSE_MAX_MS;
    struct timespec pause = {.tv_nsec = ms * 1000000};
    nanosleep(&pause, NULL);
}

static int edit_again_and_again(struct ocs_store *store, const struct ocs_edit *edit,
                                struct ocs_rescue *rescue, struct ocs_error *err)
{
    struct editing editing = {.store = store, .edit = edit, .rescue = rescue};
    int result = try_edit(&editing, err);
    for (int attempt = 1; result == OCS_INDEX_CHANGED && attempt < ATTEMPTS; attempt++) {
        pause_before(attempt);
        result = ocs_store_cancelled(store) ? ocs_error_interrupted(err) : try_edit(&editing, err);
    }
    if (result == OCS_INDEX_CHANGED)
        result = ocs_error_raise(err, OCS_BUSY, "index.json: somebody else keeps writing it");
    return ocs_error_context(err, result, "layout '%s'", edit->root->name);
}

static int make_rescue(void *data, const struct ocs_index *index, struct ocs_index_edit *change,
                       struct ocs_error *err)
{
    int result = ocs_rescue_change(data, index, change, err);
    return result == 0 && change->add_count == 0 ? OCS_EDIT_NOTHING : result;
}

/* Also after an edit that failed; the other tool's entries are no concern of its. */
static int add_rescued(struct ocs_store *store, const struct ocs_edit *edit,
                       struct ocs_rescue *rescue, struct ocs_error *err)
{
    const struct ocs_edit again = {.root = edit->root, .data = rescue, .make = make_rescue};
    int result = 0;
    for (size_t done = 0; result == 0 && done < rescue->count;) {
        done = rescue->count;
        result = edit_again_and_again(store, &again, rescue, err);
    }
    return result;
}

int ocs_edit_locked(struct ocs_store *store, const struct ocs_edit *edit, struct ocs_error *err)
{
    struct ocs_rescue rescue = {0};
    int result = edit_again_and_again(store, edit, &rescue, err);
    int added = add_rescued(store, edit, &rescue, result < 0 ? NULL : err);
    ocs_rescue_clear(&rescue);
    return result < 0 ? result : added;
}

int ocs_edit(struct ocs_store *store, const struct ocs_edit *edit, struct ocs_error *err)
{
    auto_fd int lock = -1;
    int result = ocs_edit_lock(store, edit->root->name, &lock, err);
    return result == 0 ? ocs_edit_locked(store, edit, err) : result;
}
