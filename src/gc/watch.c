/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "watch.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define BLOBS "blobs"

void ocs_watch_clear(struct ocs_watch *watch)
{
    for (size_t i = 0; i < watch->folder_count; i++)
        free(watch->folders[i].name);
    free(watch->folders);
    *watch = (struct ocs_watch){0};
}

static int add_folder(struct ocs_watch *watch, const char *name, const struct stat *st,
                      struct ocs_error *err)
{
    size_t count = watch->folder_count;
    if ((count & (count - 1)) == 0) { /* full at every power of two */
        size_t capacity = count ? count * 2 : 1;
        struct ocs_watch_folder *grown = realloc(watch->folders, capacity * sizeof(*grown));
        if (!grown)
            return ocs_error_memory(err);
        watch->folders = grown;
    }
    char *copy = strdup(name);
    if (!copy)
        return ocs_error_memory(err);
    struct ocs_stamp stamp = ocs_stamp_of(st);
    watch->folders[watch->folder_count++] = (struct ocs_watch_folder){copy, stamp};
    if (ocs_stamp_ticking(&stamp))
        watch->fresh = true;
    return 0;
}

static int not_ours(const char *name, bool is_link, struct ocs_error *err)
{
    int result =
        ocs_error_raise(err, OCS_REFUSED, BLOBS "%s%s is %s, so what lies in it is not known",
                        *name ? "/" : "", name, is_link ? "a symbolic link" : "no folder");
    return ocs_error_hint(err, result,
                          "nothing was deleted; a store's blobs must lie in the store");
}

static int look_at(struct ocs_watch *watch, int dir, const char *name, struct ocs_error *err)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : ocs_error_errno(err, BLOBS "/%s", name);
    bool known = ocs_algorithm_by_name(name, strlen(name)) != OCS_ALGORITHM_OTHER;
    if (known && !S_ISDIR(st.st_mode))
        return not_ours(name, S_ISLNK(st.st_mode), err);
    return S_ISDIR(st.st_mode) ? add_folder(watch, name, &st, err) : 0;
}

static int look_at_each(struct ocs_watch *watch, DIR *dir, struct ocs_error *err)
{
    struct dirent *entry;
    int result = look_at(watch, dirfd(dir), ".", err);
    while (result == 0 && (entry = ocs_walk_next(dir)))
        result = look_at(watch, dirfd(dir), entry->d_name, err);
    if (result == 0 && errno)
        return ocs_error_errno(err, BLOBS);
    return result;
}

static int open_blobs(struct ocs_store *store, DIR **out, struct ocs_error *err)
{
    auto_fd int fd = -1;
    int result = ocs_io_open_dir(store->dir, BLOBS, &fd, BLOBS, err);
    if (result > 0)
        return not_ours("", result == OCS_IO_NOT_REGULAR, err);
    return result ? result : ocs_walk_begin(&fd, out, BLOBS, err);
}

int ocs_watch_begin(struct ocs_store *store, struct ocs_watch *out, struct ocs_error *err)
{
    auto_dir DIR *dir = NULL;
    struct ocs_watch watch = {0};
    int result = open_blobs(store, &dir, err);
    if (result == 0)
        result = look_at_each(&watch, dir, err);
    if (result)
        ocs_watch_clear(&watch);
    else
        *out = watch;
    return result;
}

int ocs_watch_blobs(struct ocs_store *store, const struct ocs_watch *watch, struct ocs_error *err)
{
    if (watch->fresh)
        return OCS_WATCH_CHANGED;
    auto_fd int dir = -1;
    int result = ocs_io_open_dir(store->dir, BLOBS, &dir, BLOBS, err);
    if (result)
        return result < 0 ? result : OCS_WATCH_CHANGED;
    for (size_t i = 0; i < watch->folder_count; i++) {
        struct stat st;
        if (fstatat(dir, watch->folders[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return OCS_WATCH_CHANGED;
        struct ocs_stamp stamp = ocs_stamp_of(&st);
        if (!ocs_stamp_equal(&stamp, &watch->folders[i].stamp))
            return OCS_WATCH_CHANGED;
    }
    return 0;
}

/* ---- roots ---- */

static bool same_layout(const struct ocs_root *a, const struct ocs_root *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->path, b->path) == 0;
}

static int compare_list(struct ocs_store *store, const struct ocs_census *census,
                        struct ocs_error *err)
{
    struct ocs_roots roots = {0};
    struct ocs_roots_place place = ocs_store_roots_place(store);
    int result = ocs_roots_read(&place, &roots, err);
    if (result)
        return result;
    if (roots.damaged || roots.count != census->layout_count)
        result = OCS_WATCH_CHANGED;
    for (size_t i = 0; result == 0 && i < roots.count; i++) {
        if (!same_layout(&roots.items[i], &census->layouts[i].root))
            result = OCS_WATCH_CHANGED;
    }
    ocs_roots_clear(&roots);
    return result;
}

/* Equal bytes are the index that the mark began from, however they were read. */
static int compare_index(int dir, const struct ocs_index_sum *expected, struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct stat st;
    struct ocs_index_sum sum;
    auto_bytes struct ocs_bytes bytes = {0};
    int result = ocs_io_open_regular(dir, "index.json", &fd, &st, "index.json", err);
    if (result || (uint64_t)st.st_size != expected->size)
        return OCS_WATCH_CHANGED;
    result = ocs_io_read_all(fd, expected->size, &bytes, "index.json", err);
    if (result == 0)
        result = ocs_index_sum(&bytes, &sum, err);
    return result == 0 && ocs_index_sum_equal(&sum, expected) ? 0 : OCS_WATCH_CHANGED;
}

static int compare_layout(struct ocs_store *store, const struct ocs_census_layout *layout,
                          const struct ocs_stamp *saved, struct ocs_error *err)
{
    auto_fd int dir = -1;
    if (ocs_store_open_layout(store, &layout->root, &dir, err))
        return OCS_WATCH_CHANGED;
    if (compare_index(dir, &layout->sum, err))
        return OCS_WATCH_CHANGED;
    struct ocs_stamp now;
    if (ocs_saved_stamp(dir, &now, err) || !ocs_stamp_equal(&now, saved))
        return OCS_WATCH_CHANGED;
    return 0;
}

int ocs_watch_roots(struct ocs_store *store, const struct ocs_census *census,
                    const struct ocs_saved *saved, struct ocs_error *err)
{
    int result = compare_list(store, census, err);
    for (size_t i = 0; result == 0 && i < census->layout_count; i++)
        result = compare_layout(store, &census->layouts[i], &saved->stamps[i], err);
    return result;
}
