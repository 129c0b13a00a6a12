/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "extras.h"

#include "cleanup.h"
#include "error.h"
#include "trash.h"
#include "walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct moving {
    struct ocs_store *store;
    const char *layout;
    size_t base; /* where the path below the folder begins */
    struct ocs_extras found;
    uint64_t left;
};

static void begin(struct ocs_walk *walk, struct moving *moving, const char *run)
{
    int length =
        snprintf(walk->path, sizeof(walk->path), "trash/%s/layouts/%s", run, moving->layout);
    walk->root = moving->store->state;
    walk->data = moving;
    moving->base = (size_t)length + 1;
}

/* One of its two files, or what ocs_trash_put_file calls another one. */
static bool is_of_every_layout(const char *path)
{
    static const char *const names[] = {"index.json", "oci-layout"};
    for (size_t i = 0; i < 2; i++) {
        const char *rest = path + strlen(names[i]);
        if (strncmp(path, names[i], strlen(names[i])) == 0 &&
            (!*rest || (*rest == '.' && strspn(rest + 1, "0123456789") == strlen(rest + 1))))
            return true;
    }
    return false;
}

static bool has_file(int dir, const char *path, size_t length, const char *name)
{
    char file[PATH_MAX];
    struct stat st;
    int size = snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, name);
    return size < (int)sizeof(file) && fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* It lies in a folder of another layout, which the same run took. */
static bool is_of_layout_below(const struct ocs_walk *walk, size_t base)
{
    for (const char *slash = strchr(walk->path + base, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        size_t length = (size_t)(slash - walk->path);
        if (has_file(walk->root, walk->path, length, "index.json") ||
            has_file(walk->root, walk->path, length, "oci-layout"))
            return true;
    }
    return false;
}

static bool is_extra(const struct ocs_walk *walk, size_t base)
{
    return !is_of_every_layout(walk->path + base) && !is_of_layout_below(walk, base);
}

static int count_file(struct ocs_walk *walk, const struct stat *st, struct ocs_error *err)
{
    struct moving *moving = walk->data;
    struct ocs_extras *found = &moving->found;
    (void)st;
    (void)err;
    if (is_extra(walk, moving->base) && found->files++ == 0)
        snprintf(found->first, sizeof(found->first), "%.*s", OCS_LAYOUT_NAME_MAX,
                 walk->path + moving->base);
    return 0;
}

static int count_closed(struct ocs_walk *walk, struct ocs_error *err)
{
    return count_file(walk, NULL, err);
}

int ocs_extras_look(struct ocs_store *store, const char *run, const char *layout,
                    struct ocs_extras *out, struct ocs_error *err)
{
    struct moving moving = {.store = store, .layout = layout};
    struct ocs_walk walk = {.on_file = count_file, .on_closed = count_closed};
    begin(&walk, &moving, run);
    int result = ocs_walk_run(&walk, err);
    *out = moving.found;
    return result;
}

/* Where a path of the run belongs; the folder it is in is made and durable. */
static int find_place(const struct moving *moving, const char *path, char *to, size_t size,
                      struct ocs_error *err)
{
    if (snprintf(to, size, "layouts/%s/%s", moving->layout, path) >= (int)size)
        return ocs_error_raise(err, OCS_FAILED, "%s: name too long", path);
    char *slash = strrchr(to, '/');
    *slash = '\0';
    int result = ocs_io_mkdirs(moving->store->dir, to, OCS_MODE_FOLDER, to, err);
    *slash = '/';
    return result;
}

static int move_file(struct ocs_walk *walk, const struct stat *st, struct ocs_error *err)
{
    struct moving *moving = walk->data;
    char to[PATH_MAX];
    (void)st;
    if (!is_extra(walk, moving->base))
        return 0;
    int dir = moving->store->dir;
    int result = find_place(moving, walk->path + moving->base, to, sizeof(to), err);
    if (result == 0)
        result = ocs_io_rename_noreplace(walk->root, walk->path, dir, to, to, err);
    moving->left += result == OCS_IO_EXISTS;
    moving->found.files += result == 0;
    return result < 0 ? result : 0;
}

static int leave_closed(struct ocs_walk *walk, struct ocs_error *err)
{
    struct moving *moving = walk->data;
    (void)err;
    moving->left++;
    return 0;
}

/* The folder on the other side, if it is there: what came into it is to stay. */
static int sync_folder(struct ocs_walk *walk, struct ocs_error *err)
{
    const struct moving *moving = walk->data;
    char folder[PATH_MAX];
    struct stat st;
    const char *below = walk->path + moving->base - 1; /* "" or "/..." */
    int size = snprintf(folder, sizeof(folder), "layouts/%s%s", moving->layout, below);
    if (moving->found.files == 0 || size >= (int)sizeof(folder) ||
        fstatat(moving->store->dir, folder, &st, 0) < 0)
        return 0;
    return ocs_io_sync_dir(moving->store->dir, folder, folder, err);
}

int ocs_extras_restore(struct ocs_store *store, const char *run, const char *layout,
                       uint64_t *moved, struct ocs_error *err)
{
    struct moving moving = {.store = store, .layout = layout};
    struct ocs_walk walk = {
        .on_file = move_file, .on_folder_end = sync_folder, .on_closed = leave_closed};
    begin(&walk, &moving, run);
    int result = ocs_walk_run(&walk, err);
    *moved = moving.found.files;
    if (result == 0 && moving.left > 0)
        ocs_store_notice(store,
                         "layout '%s': %llu of the files of its folder stay in the trash: there "
                         "are others of their names, or they lie in folders that may not be read",
                         layout, (unsigned long long)moving.left);
    return result;
}

int ocs_extras_put_aside(struct ocs_store *store, const char *run, const char *layout, bool *moved,
                         struct ocs_error *err)
{
    char path[OCS_LAYOUT_NAME_MAX + 16], as[OCS_LAYOUT_NAME_MAX + 32];
    struct stat st;
    snprintf(path, sizeof(path), "layouts/%s", layout);
    snprintf(as, sizeof(as), "no-folder/%s", layout);
    *moved = fstatat(store->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode);
    return *moved ? ocs_trash_put_file(store->state, run, store->dir, path, as, err) : 0;
}
