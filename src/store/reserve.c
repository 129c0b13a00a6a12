/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "reserve.h"

#include "cleanup.h"
#include "error.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

#define RESERVE       "reserve"
#define RESERVE_WHAT  ".ocistore/reserve"
#define RESERVE_BYTES (4u << 20)
#define RESERVE_SHARE 64

static int wanted_size(int state_dir, uint64_t *size, struct ocs_error *err)
{
    struct statvfs fs;
    if (fstatvfs(state_dir, &fs) < 0)
        return ocs_error_errno(err, "%s", RESERVE_WHAT);
    uint64_t share = (uint64_t)fs.f_blocks * fs.f_frsize / RESERVE_SHARE;
    *size = share < RESERVE_BYTES ? share : RESERVE_BYTES;
    return 0;
}

/* A hole, or a file that a crash left half allocated, reserves nothing. */
static bool is_reserved(int state_dir, uint64_t size)
{
    struct stat st;
    return fstatat(state_dir, RESERVE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size >= size && (uint64_t)st.st_blocks * 512 >= size;
}

static int allocate(int fd, uint64_t size, struct ocs_error *err)
{
    int result = ocs_io_allocate(fd, size, RESERVE_WHAT, err);
    if (result < 0 && ocs_io_no_space())
        result = OCS_RESERVE_NO_SPACE;
    else if (result < 0 && errno == EOPNOTSUPP)
        result = 0; /* nothing can be reserved on this file system */
    int closed = ocs_io_close(fd, RESERVE_WHAT, result == 0 ? err : NULL);
    return result ? result : closed;
}

int ocs_reserve_make(int state_dir, struct ocs_error *err)
{
    uint64_t size = 0;
    int result = wanted_size(state_dir, &size, err);
    if (result < 0 || is_reserved(state_dir, size))
        return result;
    result = ocs_io_unlink(state_dir, RESERVE, 0, RESERVE_WHAT, err);
    int fd = -1;
    if (result == 0)
        result = ocs_io_create(state_dir, RESERVE, 0600, &fd, RESERVE_WHAT, err);
    if (result < 0)
        return ocs_io_no_space() ? OCS_RESERVE_NO_SPACE : result;
    result = allocate(fd, size, err);
    if (result)
        ocs_io_unlink(state_dir, RESERVE, 0, RESERVE_WHAT, NULL);
    return result;
}

int ocs_reserve_release(int state_dir, struct ocs_error *err)
{
    struct stat st;
    if (fstatat(state_dir, RESERVE, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return OCS_RESERVE_GONE;
    int result = ocs_io_unlink(state_dir, RESERVE, 0, RESERVE_WHAT, err);
    /* file systems give the space back only with the transaction */
    return result ? result : ocs_io_sync_dir(state_dir, ".", RESERVE_WHAT, err);
}

int ocs_reserve_lend(int state_dir, struct ocs_error *err)
{
    struct statvfs fs;
    uint64_t size = 0;
    int result = wanted_size(state_dir, &size, err);
    if (result == 0 && fstatvfs(state_dir, &fs) < 0)
        result = ocs_error_errno(err, "%s", RESERVE_WHAT);
    if (result < 0 || (uint64_t)fs.f_bavail * fs.f_frsize >= size)
        return result;
    result = ocs_reserve_release(state_dir, err);
    return result < 0 ? result : 0;
}
