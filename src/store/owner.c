/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "owner.h"

#include "cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool stat_parent(int dir, const char *path, struct stat *st)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash)
        return fstat(dir, st) == 0;
    int size = snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
    return size < (int)sizeof(parent) && fstatat(dir, parent, st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Not ours any more, or somebody else's from the start: left alone. */
static bool is_ours(const struct stat *st)
{
    return st->st_uid == 0 && (S_ISDIR(st->st_mode) || st->st_nlink == 1);
}

static void give(int fd, const struct stat *parent)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !is_ours(&st))
        return;
    if (st.st_uid == parent->st_uid && st.st_gid == parent->st_gid)
        return;
    int ignored = fchown(fd, parent->st_uid, parent->st_gid);
    (void)ignored;
}

void ocs_owner_of_file(int dir, const char *path, int fd)
{
    struct stat parent;
    if (geteuid() == 0 && stat_parent(dir, path, &parent))
        give(fd, &parent);
}

/* By an open file, never by a name: in a folder of somebody else's the name may
 * lead elsewhere by now. */
static void give_by_name(int dir, const char *path, int flags)
{
    struct stat parent;
    if (geteuid() != 0 || !stat_parent(dir, path, &parent) ||
        (parent.st_uid == 0 && parent.st_gid == 0))
        return;
    auto_fd int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags);
    if (fd >= 0)
        give(fd, &parent);
}

void ocs_owner_of_folder(int dir, const char *path)
{
    give_by_name(dir, path, O_DIRECTORY);
}

void ocs_owner_of_foreign_file(int dir, const char *name)
{
    give_by_name(dir, name, 0);
}
