/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "leftovers.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/in_use.h"
#include "store/temporary.h"
#include "store/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

/* Where it cannot be told whether a file is open. */
#define UNTOLD_S  86400
#define DEPTH_MAX 128 /* as for layouts: seen.c */

void ocs_leftovers_clear(struct ocs_leftovers *leftovers)
{
    for (size_t i = 0; i < leftovers->count; i++)
        free(leftovers->items[i].path);
    free(leftovers->items);
    *leftovers = (struct ocs_leftovers){0};
}

struct finder {
    struct ocs_store *store;
    const struct ocs_leftovers_options *options;
    struct ocs_leftovers *out;
    char path[PATH_MAX];
    unsigned depth;
    bool deeper;    /* layouts may lie below layouts */
    bool surprised; /* something else is in the folder of a tool */
};

/* ---- one file ---- */

static int64_t latest_of(const struct ocs_stamp *stamp)
{
    int64_t latest = stamp->mtime_ns > stamp->ctime_ns ? stamp->mtime_ns : stamp->ctime_ns;
    return latest / 1000000000;
}

static int add(struct finder *finder, const char *tool, const struct stat *st,
               struct ocs_error *err)
{
    struct ocs_leftovers *out = finder->out;
    size_t count = out->count;
    if ((count & (count - 1)) == 0) { /* full at every power of two */
        void *grown = realloc(out->items, (count ? count * 2 : 1) * sizeof(*out->items));
        if (!grown)
            return ocs_error_memory(err);
        out->items = grown;
    }
    struct ocs_stamp stamp = ocs_stamp_of(st);
    struct ocs_leftover item = {
        .path = strdup(finder->path),
        .tool = tool,
        .stamp = stamp,
        .latest = latest_of(&stamp),
        .bytes = ocs_blob_frees(st),
    };
    if (!item.path)
        return ocs_error_memory(err);
    out->items[out->count++] = item;
    return 0;
}

/* What may not be looked at is left alone. */
static int leave(struct finder *finder)
{
    finder->surprised = true;
    finder->out->others++;
    return 0;
}

static int add_file(struct finder *finder, const char *tool, struct ocs_error *err)
{
    struct stat st;
    if (fstatat(finder->store->dir, finder->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT   ? 0
               : errno == EACCES ? leave(finder)
                                 : ocs_error_errno(err, "%s", finder->path);
    if (S_ISREG(st.st_mode))
        return add(finder, tool, &st, err);
    finder->surprised = true;
    return 0;
}

/* ---- folders ---- */

static int look_into(struct finder *finder, enum ocs_temporary_place place, struct ocs_error *err);

static void drop_from(struct ocs_leftovers *out, size_t first)
{
    while (out->count > first)
        free(out->items[--out->count].path);
}

/* What a tool puts into one folder belongs together. */
static void tie(struct finder *finder, size_t first, bool locked)
{
    struct ocs_leftovers *out = finder->out;
    int64_t latest = INT64_MIN;
    for (size_t i = first; i < out->count; i++) {
        if (out->items[i].latest > latest)
            latest = out->items[i].latest;
    }
    for (size_t i = first; i < out->count; i++) {
        out->items[i].latest = latest;
        out->items[i].folder = strlen(finder->path);
        out->items[i].locked = locked;
    }
}

/* Its tool, or a gc, was killed before it put something there, or before it removed it. */
static int add_empty(struct finder *finder, const char *tool, struct ocs_error *err)
{
    struct stat st;
    if (fstatat(finder->store->dir, finder->path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(st.st_mode))
        return 0;
    int result = add(finder, tool, &st, err);
    if (result)
        return result;
    struct ocs_leftover *item = &finder->out->items[finder->out->count - 1];
    item->empty = true;
    item->bytes = 0;
    return 0;
}

static int look_into_own(struct finder *finder, const struct ocs_temporary *found,
                         struct ocs_error *err)
{
    enum ocs_temporary_place place = found->is;
    size_t first = finder->out->count;
    finder->surprised = false;
    int result = look_into(finder, place, err);
    if (result == 0 && !finder->surprised && finder->out->count == first)
        result = add_empty(finder, found->tool, err);
    if (result)
        return result;
    if (finder->surprised)
        drop_from(finder->out, first);
    tie(finder, first, place == OCS_TEMPORARY_IN_UMOCI);
    return 0;
}

static bool may_be_layout(const struct finder *finder, const struct dirent *entry)
{
    return finder->deeper && finder->depth < DEPTH_MAX && strcmp(entry->d_name, "blobs") != 0 &&
           (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

static int look_at(struct finder *finder, enum ocs_temporary_place place,
                   const struct dirent *entry, struct ocs_error *err)
{
    const struct ocs_temporary *found = ocs_temporary_find(place, entry->d_name);
    if (found && found->is == OCS_TEMPORARY_FILE)
        return add_file(finder, found->tool, err);
    if (found && found->is == OCS_TEMPORARY_IN_INGEST)
        return look_into(finder, found->is, err);
    if (found)
        return look_into_own(finder, found, err);
    finder->surprised = true;
    return place == OCS_TEMPORARY_IN_LAYOUT && may_be_layout(finder, entry)
               ? look_into(finder, place, err)
               : 0;
}

static int look_at_named(struct finder *finder, enum ocs_temporary_place place,
                         const struct dirent *entry, struct ocs_error *err)
{
    size_t length = strlen(finder->path);
    const char *slash = length > 0 ? "/" : "";
    size_t left = sizeof(finder->path) - length;
    if ((size_t)snprintf(finder->path + length, left, "%s%s", slash, entry->d_name) >= left) {
        finder->path[length] = '\0';
        return 0;
    }
    finder->depth++;
    int result = look_at(finder, place, entry, err);
    finder->depth--;
    finder->path[length] = '\0';
    return result;
}

static int look_into(struct finder *finder, enum ocs_temporary_place place, struct ocs_error *err)
{
    auto_dir DIR *dir = NULL;
    const char *path = finder->path[0] ? finder->path : ".";
    int result = ocs_walk_open(finder->store->dir, path, &dir, err);
    if (result < 0 && errno == EACCES)
        return leave(finder);
    if (result)
        return result < 0 ? result : 0;
    struct dirent *entry;
    while (result == 0 && (entry = ocs_walk_next(dir)))
        result = look_at_named(finder, place, entry, err);
    if (result == 0 && errno)
        return ocs_error_errno(err, "%s", path);
    return result;
}

/* ---- where ---- */

static int find_in_blobs(struct finder *finder, const struct ocs_census *census,
                         struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < census->temporary_count; i++) {
        const char *name = census->temporaries[i];
        finder->surprised = false;
        snprintf(finder->path, sizeof(finder->path), "blobs/%s", name);
        result = add_file(finder, ocs_temporary_find(OCS_TEMPORARY_IN_BLOBS, name)->tool, err);
        finder->out->others += finder->surprised;
    }
    return result;
}

static int find_in_layouts(struct finder *finder, const struct ocs_census *census,
                           struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < census->layout_count; i++) {
        if (strcmp(census->layouts[i].root.path, ".") != 0)
            continue;
        finder->path[0] = '\0';
        result = look_into(finder, OCS_TEMPORARY_IN_LAYOUT, err);
    }
    if (result)
        return result;
    finder->deeper = true;
    strcpy(finder->path, "layouts");
    return look_into(finder, OCS_TEMPORARY_IN_LAYOUT, err);
}

/* ---- whether they go ---- */

int ocs_leftover_lock(int store_dir, const struct ocs_leftover *item, int *fd,
                      struct ocs_error *err)
{
    char folder[PATH_MAX];
    *fd = -1;
    if (!item->locked)
        return 0;
    snprintf(folder, sizeof(folder), "%.*s", (int)item->folder, item->path);
    int result = ocs_io_open_dir(store_dir, folder, fd, folder, err);
    if (result)
        return result < 0 ? result : OCS_IO_ABSENT;
    while (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EINTR)
            return OCS_LEFTOVER_TAKEN; /* also when that cannot be told */
    }
    return 0;
}

static bool may_not_read(int dir, const char *path)
{
    return faccessat(dir, path, R_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) < 0 && errno == EACCES;
}

/* Where there is no flock to ask for, its times alone tell. */
static int use_of_empty(int store_dir, const struct ocs_leftover *item, bool *untold,
                        struct ocs_error *err)
{
    struct stat st;
    if (fstatat(store_dir, item->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? OCS_IO_ABSENT : ocs_error_errno(err, "%s", item->path);
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    *untold = !item->locked;
    return ocs_stamp_equal(&stamp, &item->stamp) ? 0 : OCS_IO_ABSENT;
}

int ocs_leftover_use(int store_dir, const struct ocs_leftover *item, bool *in_use, bool *untold,
                     struct ocs_error *err)
{
    auto_fd int fd = -1;
    struct stat st;
    *in_use = *untold = false;
    if (item->empty)
        return use_of_empty(store_dir, item, untold, err);
    int result = ocs_io_open_regular(store_dir, item->path, &fd, &st, item->path, err);
    if (result < 0 && may_not_read(store_dir, item->path)) { /* then its times alone tell */
        *untold = fstatat(store_dir, item->path, &st, AT_SYMLINK_NOFOLLOW) == 0;
        result = *untold ? 0 : result;
    }
    if (result)
        return result < 0 ? result : OCS_IO_ABSENT;
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    if (!ocs_stamp_equal(&stamp, &item->stamp))
        return OCS_IO_ABSENT;
    enum ocs_use use = *untold ? OCS_USE_UNTOLD : ocs_use_of(fd);
    *in_use = use == OCS_USE_WRITTEN;
    *untold = use == OCS_USE_UNTOLD;
    return 0;
}

static int64_t later(int64_t time, int64_t seconds)
{
    int64_t due;
    return __builtin_add_overflow(time, seconds, &due) ? INT64_MAX : due;
}

/* What went away or changed since is looked at again by the sweep. */
static int decide_by_use(const struct finder *finder, struct ocs_leftover *item,
                         struct ocs_error *err)
{
    bool in_use, untold;
    auto_fd int lock = -1;
    int result = ocs_leftover_lock(finder->store->dir, item, &lock, err);
    if (result == OCS_LEFTOVER_TAKEN)
        item->state = OCS_LEFTOVER_IN_USE;
    if (result == 0)
        result = ocs_leftover_use(finder->store->dir, item, &in_use, &untold, err);
    if (result)
        return result < 0 ? result : 0;
    if (in_use)
        item->state = OCS_LEFTOVER_IN_USE;
    if (untold && item->due < later(item->latest, UNTOLD_S)) {
        item->due = later(item->latest, UNTOLD_S);
        item->state = item->due > finder->options->now ? OCS_LEFTOVER_WAITING : OCS_LEFTOVER_DUE;
    }
    return 0;
}

static int decide(const struct finder *finder, struct ocs_leftover *item, struct ocs_error *err)
{
    const struct ocs_leftovers_options *options = finder->options;
    item->due = later(item->latest, options->grace_s);
    item->state = item->due > options->now ? OCS_LEFTOVER_WAITING : OCS_LEFTOVER_DUE;
    return item->state == OCS_LEFTOVER_DUE ? decide_by_use(finder, item, err) : 0;
}

static bool same_folder(const struct ocs_leftover *a, const struct ocs_leftover *b)
{
    return a->folder > 0 && a->folder == b->folder && strncmp(a->path, b->path, a->folder) == 0;
}

static void follow(struct ocs_leftover *item, const struct ocs_leftover *other)
{
    if (same_folder(item, other) && item->state < other->state) {
        item->state = other->state;
        item->due = other->due;
    }
}

/* One that is in use, or waits longer, keeps the others of its folder. */
static void decide_together(struct ocs_leftovers *out)
{
    for (size_t i = 1; i < out->count; i++)
        follow(&out->items[i], &out->items[i - 1]);
    for (size_t i = out->count; i > 1; i--)
        follow(&out->items[i - 2], &out->items[i - 1]);
}

static int compare(const void *a, const void *b)
{
    const struct ocs_leftover *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static int decide_all(const struct finder *finder, struct ocs_error *err)
{
    struct ocs_leftovers *out = finder->out;
    int result = 0;
    if (out->count)
        qsort(out->items, out->count, sizeof(*out->items), compare);
    for (size_t i = 0; result == 0 && i < out->count; i++)
        result = decide(finder, &out->items[i], err);
    decide_together(out);
    for (size_t i = 0; i < out->count; i++) {
        bool due = out->items[i].state == OCS_LEFTOVER_DUE;
        *(due ? &out->due : &out->waiting) += 1;
        *(due ? &out->due_bytes : &out->waiting_bytes) += out->items[i].bytes;
    }
    return result;
}

int ocs_leftovers_find(struct ocs_store *store, const struct ocs_census *census,
                       const struct ocs_leftovers_options *options, struct ocs_leftovers *out,
                       struct ocs_error *err)
{
    struct ocs_leftovers leftovers = {0};
    struct finder finder = {.store = store, .options = options, .out = &leftovers};
    int result = find_in_blobs(&finder, census, err);
    if (result == 0)
        result = find_in_layouts(&finder, census, err);
    if (result == 0)
        result = decide_all(&finder, err);
    if (result)
        ocs_leftovers_clear(&leftovers);
    else
        *out = leftovers;
    return result;
}

/* ---- showing ---- */

void ocs_leftovers_show(const struct ocs_leftovers *leftovers, const struct ocs_gc_options *options)
{
    static const char *const states[] = {
        [OCS_LEFTOVER_DUE] = "",
        [OCS_LEFTOVER_WAITING] = "; waits for its grace",
        [OCS_LEFTOVER_IN_USE] = "; in use",
    };
    for (size_t i = 0; options->on_temporary && i < leftovers->count; i++) {
        const struct ocs_leftover *item = &leftovers->items[i];
        char reason[128];
        snprintf(reason, sizeof(reason), "%s of %s%s",
                 item->empty ? "an empty folder" : "a temporary file", item->tool,
                 states[item->state]);
        struct ocs_gc_temporary line = {
            .path = item->path,
            .size = item->empty ? 0 : item->stamp.size,
            .mtime = item->stamp.mtime_ns / 1000000000,
            .reason = reason,
            .action = item->state == OCS_LEFTOVER_DUE ? "trash" : "wait",
            .due = item->due,
        };
        options->on_temporary(options->data, &line);
    }
}
