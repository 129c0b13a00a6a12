/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "store.h"

#include "cleanup.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Where the folder of a layout is now. */

#define EMPTIED  10 /* an attached folder that holds no layout */
#define LED_AWAY 11 /* ocs_root_led_away */

static bool is_absent(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* Where nothing is mounted lies an empty folder, which is no layout that lost its index. */
static int open_attached(const struct ocs_root *root, int *fd, struct ocs_error *err)
{
    if (ocs_root_led_away(root))
        return LED_AWAY;
    auto_fd int dir = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && errno == ENOTDIR)
        return OCS_IO_NOT_REGULAR;
    if (dir < 0 && errno != ENOENT)
        return ocs_error_errno(err, "%s", root->path);
    if (dir < 0)
        return OCS_IO_ABSENT;
    if (is_absent(dir, "oci-layout") && is_absent(dir, "index.json"))
        return EMPTIED;
    *fd = TAKE_FD(dir);
    return 0;
}

static int open_layout(struct ocs_store *store, const struct ocs_root *root, int *fd,
                       struct ocs_error *err)
{
    if (root->attached)
        return open_attached(root, fd, err);
    if (strcmp(root->path, ".") != 0)
        return ocs_io_open_dir(store->dir, root->path, fd, root->path, err);
    *fd = fcntl(store->dir, F_DUPFD_CLOEXEC, 0);
    return *fd < 0 ? ocs_error_errno(err, "layout '%s'", root->name) : 0;
}

static int led_away(const struct ocs_root *root, struct ocs_error *err)
{
    auto_free char *now = realpath(root->given ? root->given : root->path, NULL);
    if (now && !root->given)
        ocs_error_raise(err, OCS_REFUSED, "%s is no folder of its own any more: it leads to %s",
                        root->path, now);
    else if (now)
        ocs_error_raise(err, OCS_REFUSED, "%s leads to %s now, not to %s", root->given, now,
                        root->path);
    else
        ocs_error_raise(err, OCS_REFUSED, "%s led to %s, and leads nowhere now: %s", root->given,
                        root->path, strerror(errno));
    return OCS_IO_ABSENT;
}

int ocs_store_open_layout(struct ocs_store *store, const struct ocs_root *root, int *fd,
                          struct ocs_error *err)
{
    int result = open_layout(store, root, fd, err);
    switch (result) {
    case EMPTIED:
        ocs_error_raise(err, OCS_REFUSED, "%s: neither oci-layout nor index.json (not mounted?)",
                        root->path);
        return OCS_IO_ABSENT;
    case LED_AWAY:
        return led_away(root, err);
    case OCS_IO_ABSENT:
        ocs_error_raise(err, OCS_REFUSED, "%s: No such file or directory", root->path);
        return result;
    case OCS_IO_NOT_REGULAR:
        ocs_error_raise(err, OCS_REFUSED, "%s: not a folder", root->path);
        return result;
    default:
        return result;
    }
}

const char *ocs_store_layout_label(const struct ocs_root *root, char *buffer, size_t size)
{
    snprintf(buffer, size, "layout '%s'%s", root->name, root->attached ? " (attached)" : "");
    return buffer;
}
