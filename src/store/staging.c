/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "staging.h"

#include "cleanup.h"
#include "error.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

static const char WHAT[] = ".ocistore/tmp";

/* The folder of a process that is gone gives up its lock. */
static int remove_if_dead(int parent, const char *name, struct ocs_error *err)
{
    auto_fd int fd = -1;
    int result = ocs_io_open_dir(parent, name, &fd, WHAT, err);
    if (result == OCS_IO_NOT_REGULAR)
        return ocs_io_unlink(parent, name, 0, WHAT, err);
    if (result != 0)
        return result < 0 ? result : 0;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK || errno == EINTR ? 0 : ocs_error_errno(err, "%s", WHAT);
    return ocs_io_remove_tree(parent, name, WHAT, err);
}

static int remove_dead(int parent, struct ocs_error *err)
{
    auto_dir DIR *dir = NULL;
    int result = ocs_walk_open(parent, ".", &dir, err);
    struct dirent *entry;
    while (result == 0 && (entry = ocs_walk_next(dir))) {
        if (entry->d_name[0] != '.')
            result = remove_if_dead(parent, entry->d_name, err);
    }
    return result == 0 && errno ? ocs_error_errno(err, "%s", WHAT) : result;
}

/* Between mkdir and flock somebody may have taken the folder for a dead one's:
 * then the name leads elsewhere, or nowhere. */
static bool still_named(const struct ocs_staging *staging)
{
    struct stat held, named;
    return fstat(staging->dir, &held) == 0 &&
           fstatat(staging->parent, staging->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_ino == named.st_ino;
}

static int make_own(struct ocs_staging *staging, struct ocs_error *err)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        ocs_io_random_name(staging->name);
        int result = ocs_io_mkdir(staging->parent, staging->name, OCS_MODE_FOLDER, WHAT, err);
        if (result == 0)
            result = ocs_io_open_dir(staging->parent, staging->name, &staging->dir, WHAT, err);
        if (result < 0)
            return result;
        if (result > 0)
            continue;
        if (flock(staging->dir, LOCK_EX | LOCK_NB) == 0 && still_named(staging))
            return 0;
        close(staging->dir);
        staging->dir = -1;
    }
    return ocs_error_raise(err, OCS_FAILED, "%s: no folder of our own is to be had", WHAT);
}

int ocs_staging_tidy(int state_dir, struct ocs_error *err)
{
    auto_fd int parent = -1;
    int result = ocs_io_open_dir(state_dir, "tmp", &parent, WHAT, err);
    return result == 0 ? remove_dead(parent, err) : result < 0 ? result : 0;
}

int ocs_staging_open(int state_dir, struct ocs_staging *out, struct ocs_error *err)
{
    struct ocs_staging staging = {.parent = -1, .dir = -1};
    int result = ocs_io_mkdir(state_dir, "tmp", OCS_MODE_FOLDER, WHAT, err);
    if (result == 0)
        result = ocs_io_open_dir(state_dir, "tmp", &staging.parent, WHAT, err);
    if (result > 0)
        result = ocs_error_raise(err, OCS_FAILED, "%s is no folder", WHAT);
    if (result == 0)
        result = remove_dead(staging.parent, err);
    if (result == 0)
        result = make_own(&staging, err);
    if (result < 0) {
        if (staging.parent >= 0)
            close(staging.parent);
        return result;
    }
    *out = staging;
    return 0;
}

void ocs_staging_close(struct ocs_staging *staging)
{
    if (staging->dir < 0)
        return;
    /* removed while the lock is still held; what stays is found by the next one */
    ocs_io_remove_tree(staging->parent, staging->name, WHAT, NULL);
    close(staging->dir);
    close(staging->parent);
    staging->dir = staging->parent = -1;
}
