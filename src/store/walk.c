/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "walk.h"

#include "cleanup.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

struct dirent *ocs_walk_next(DIR *dir)
{
    struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(dir);
    } while (entry && is_dots(entry->d_name));
    return entry;
}

int ocs_walk_begin(int *fd, DIR **out, const char *what, struct ocs_error *err)
{
    *out = fdopendir(*fd);
    if (!*out)
        return ocs_error_errno(err, "%s", what);
    (void)TAKE_FD(*fd);
    return 0;
}

int ocs_walk_open(int dir, const char *path, DIR **out, struct ocs_error *err)
{
    auto_fd int fd = -1;
    int result = ocs_io_open_dir(dir, path, &fd, path, err);
    if (result)
        return result < 0 ? result : OCS_IO_ABSENT;
    return ocs_walk_begin(&fd, out, path, err);
}

static int walk_folder(struct ocs_walk *walk, struct ocs_error *err);

static int walk_entry(struct ocs_walk *walk, int dir, const char *name, struct ocs_error *err)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : ocs_error_errno(err, "%s/%s", walk->path, name);
    size_t length = strlen(walk->path);
    if (length + strlen(name) + 2 > sizeof(walk->path))
        return ocs_error_raise(err, OCS_FAILED, "%s/%s: name too long", walk->path, name);
    snprintf(walk->path + length, sizeof(walk->path) - length, "/%s", name);
    int result = 0;
    if (S_ISDIR(st.st_mode))
        result = walk_folder(walk, err);
    else if (walk->on_file)
        result = walk->on_file(walk, &st, err);
    walk->path[length] = '\0';
    return result;
}

static int walk_unsorted(struct ocs_walk *walk, DIR *dir, struct ocs_error *err)
{
    struct dirent *entry;
    while ((entry = ocs_walk_next(dir))) {
        int result = walk_entry(walk, dirfd(dir), entry->d_name, err);
        if (result)
            return result;
    }
    return errno ? ocs_error_errno(err, "%s", walk->path) : 0;
}

static int is_wanted(const struct dirent *entry)
{
    return !is_dots(entry->d_name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int walk_sorted(struct ocs_walk *walk, DIR *dir, struct ocs_error *err)
{
    struct dirent **entries = NULL;
    int result = 0;
    int count = scandirat(dirfd(dir), ".", &entries, is_wanted, by_name);
    if (count < 0)
        return ocs_error_errno(err, "%s", walk->path);
    for (int i = 0; i < count; i++) {
        if (result == 0)
            result = walk_entry(walk, dirfd(dir), entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    return result;
}

/* Recursive: the depth is bounded by PATH_MAX. */
static int walk_folder(struct ocs_walk *walk, struct ocs_error *err)
{
    auto_dir DIR *dir = NULL;
    int result = ocs_walk_open(walk->root, walk->path, &dir, err);
    if (result < 0 && errno == EACCES && walk->on_closed)
        return walk->on_closed(walk, err);
    if (result)
        return result < 0 ? result : 0;
    result = walk->sorted ? walk_sorted(walk, dir, err) : walk_unsorted(walk, dir, err);
    if (result)
        return result;
    return walk->on_folder_end ? walk->on_folder_end(walk, err) : 0;
}

int ocs_walk_run(struct ocs_walk *walk, struct ocs_error *err)
{
    return walk_folder(walk, err);
}
