/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_CLEANUP_H
#define OCS_STORE_CLEANUP_H

/* Ownership that a reader can see without reading the callees: a local with a
 * cleanup attribute owns its resource, and TAKE_* gives it away.
 * A file that was written is never closed this way: its close is checked
 * (ocs_io_close). */

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static inline void ocs_cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void ocs_cleanup_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void ocs_cleanup_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

#define auto_free __attribute__((cleanup(ocs_cleanup_free)))
#define auto_fd   __attribute__((cleanup(ocs_cleanup_fd)))
#define auto_dir  __attribute__((cleanup(ocs_cleanup_dir)))

static inline int ocs_take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#define TAKE_FD(fd) ocs_take_fd(&(fd))
#define TAKE_PTR(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

#endif
