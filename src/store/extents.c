/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "extents.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#define XFS_MAGIC 0x58465342 /* linux/magic.h lacks it */
#define EXTENTS   64u        /* asked for at a time */

enum ocs_sharing ocs_extents_sharing(int fd)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return OCS_SHARING_UNTOLD;
    switch ((unsigned long)fs.f_type) {
    case EXT4_SUPER_MAGIC: /* ext2 and ext3, too */
    case TMPFS_MAGIC:
    case F2FS_SUPER_MAGIC:
        return OCS_SHARING_NEVER;
    case XFS_MAGIC:
    case BTRFS_SUPER_MAGIC:
        return OCS_SHARING_TOLD;
    default: /* what lies below an overlay, ZFS, a network */
        return OCS_SHARING_UNTOLD;
    }
}

/* A struct fiemap ends in its extents. */
union question {
    struct fiemap map;
    char room[sizeof(struct fiemap) + EXTENTS * sizeof(struct fiemap_extent)];
};

/* Adds the shared ones; where the next question begins, or 0 when that were all. */
static uint64_t add_shared(const struct fiemap *map, uint64_t *bytes)
{
    const struct fiemap_extent *extent = NULL;
    for (unsigned i = 0; i < map->fm_mapped_extents; i++) {
        extent = &map->fm_extents[i];
        if (extent->fe_flags & FIEMAP_EXTENT_SHARED)
            *bytes += extent->fe_length;
    }
    if (!extent || extent->fe_flags & FIEMAP_EXTENT_LAST)
        return 0;
    return extent->fe_logical + extent->fe_length;
}

int ocs_extents_shared(int fd, uint64_t *bytes)
{
    uint64_t from = 0;
    *bytes = 0;
    do {
        union question question;
        memset(&question, 0, sizeof(question));
        question.map.fm_start = from;
        question.map.fm_length = FIEMAP_MAX_OFFSET - from;
        question.map.fm_extent_count = EXTENTS;
        if (ioctl(fd, FS_IOC_FIEMAP, &question.map) < 0)
            return OCS_EXTENTS_UNTOLD;
        from = add_shared(&question.map, bytes);
    } while (from > 0);
    return 0;
}
