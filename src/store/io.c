/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "io.h"

#include "cleanup.h"
#include "error.h"
#include "owner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>

void ocs_bytes_clear(struct ocs_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct ocs_bytes){0};
}

/* ---- reading ---- */

static int open_beneath(int dir, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    int fd;
    do
        fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return fd;
}

/* 0 when errno is an ordinary error. */
static int classify_open_error(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return OCS_IO_ABSENT;
    case ELOOP:
    case EXDEV:
    case ENXIO: /* a socket */
        return OCS_IO_NOT_REGULAR;
    default:
        return 0;
    }
}

int ocs_io_open_regular(int dir, const char *path, int *fd, struct stat *st, const char *what,
                        struct ocs_error *err)
{
    auto_fd int opened = open_beneath(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (opened < 0) {
        int class = classify_open_error();
        return class ? class : ocs_error_errno(err, "%s", what);
    }
    struct stat local;
    if (!st)
        st = &local;
    if (fstat(opened, st) < 0)
        return ocs_error_errno(err, "%s", what);
    if (!S_ISREG(st->st_mode))
        return OCS_IO_NOT_REGULAR;
    *fd = TAKE_FD(opened);
    return 0;
}

int ocs_io_open_dir(int dir, const char *path, int *fd, const char *what, struct ocs_error *err)
{
    int opened = open_beneath(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (opened < 0) {
        struct stat st;
        if (errno == ENOTDIR && fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return OCS_IO_NOT_REGULAR;
        int class = classify_open_error();
        return class ? class : ocs_error_errno(err, "%s", what);
    }
    *fd = opened;
    return 0;
}

/* At the file's own position when `offset` is negative. */
static ssize_t read_whole(int fd, void *buffer, size_t size, off_t offset)
{
    size_t done = 0;
    while (done < size) {
        char *at = (char *)buffer + done;
        ssize_t n = offset < 0 ? read(fd, at, size - done)
                               : pread(fd, at, size - done, offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

ssize_t ocs_io_read(int fd, void *buffer, size_t size)
{
    return read_whole(fd, buffer, size, -1);
}

ssize_t ocs_io_read_at(int fd, void *buffer, size_t size, off_t offset)
{
    return read_whole(fd, buffer, size, offset);
}

ssize_t ocs_io_read_cached(int fd, void *buffer, size_t size, off_t offset)
{
    struct iovec piece = {.iov_base = buffer, .iov_len = size};
    ssize_t n;
    do {
        n = preadv2(fd, &piece, 1, offset, RWF_NOWAIT);
    } while (n < 0 && errno == EINTR);
    return n;
}

static int too_large(const char *what, uint64_t limit, struct ocs_error *err)
{
    errno = EFBIG;
    return ocs_error_raise(err, OCS_REFUSED, "%s: larger than the limit of %llu bytes", what,
                           (unsigned long long)limit);
}

int ocs_io_read_all(int fd, uint64_t limit, struct ocs_bytes *out, const char *what,
                    struct ocs_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ocs_error_errno(err, "%s", what);
    if ((uint64_t)st.st_size > limit)
        return too_large(what, limit, err);
    size_t capacity = (size_t)st.st_size + 1;
    size_t size = 0;
    auto_free char *data = NULL;
    for (;;) { /* until the end of the file, which may have grown */
        char *grown = realloc(data, capacity + 1);
        if (!grown)
            return ocs_error_memory(err);
        data = grown;
        ssize_t n = ocs_io_read(fd, data + size, capacity - size);
        if (n < 0)
            return ocs_error_errno(err, "%s", what);
        size += (size_t)n;
        if (size > limit)
            return too_large(what, limit, err);
        if (size < capacity)
            break;
        capacity *= 2;
    }
    data[size] = '\0';
    *out = (struct ocs_bytes){.data = TAKE_PTR(data), .size = size};
    return 0;
}

/* ---- writing ---- */

/* Raises errno and keeps it, for a caller that asks ocs_io_no_space. */
static int errno_kept(struct ocs_error *err, const char *what, const char *doing)
{
    int saved = errno;
    int result = ocs_error_errno(err, "%s: %s", what, doing);
    errno = saved;
    return result;
}

bool ocs_io_no_means(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM;
}

bool ocs_io_no_space(void)
{
    return errno == ENOSPC || errno == EDQUOT;
}

int ocs_io_allocate(int fd, uint64_t size, const char *what, struct ocs_error *err)
{
    int result;
    do
        result = fallocate(fd, 0, 0, (off_t)size);
    while (result < 0 && errno == EINTR);
    return result < 0 ? errno_kept(err, what, "allocate") : 0;
}

int ocs_io_write(int fd, const void *buffer, size_t size, const char *what, struct ocs_error *err)
{
    const char *at = buffer;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ocs_error_errno(err, "%s: write", what);
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

void ocs_io_write_out(int fd, uint64_t offset, uint64_t size)
{
    (void)sync_file_range(fd, (off_t)offset, (off_t)size, SYNC_FILE_RANGE_WRITE);
}

int ocs_io_clone(int from, int to, const char *what, struct ocs_error *err)
{
    int result;
    do
        result = ioctl(to, FICLONE, from);
    while (result < 0 && errno == EINTR);
    if (result == 0)
        return 0;
    switch (errno) {
    case EOPNOTSUPP:
    case EXDEV:
    case EINVAL:
    case ENOTTY:
    case ENOSYS:
    case EPERM:
    case ETXTBSY:
        return OCS_IO_CANNOT_CLONE;
    default:
        return ocs_error_errno(err, "%s: clone", what);
    }
}

int ocs_io_fsync(int fd, const char *what, struct ocs_error *err)
{
    int result;
    do
        result = fsync(fd);
    while (result < 0 && errno == EINTR);
    return result < 0 ? ocs_error_errno(err, "%s: fsync", what) : 0;
}

int ocs_io_syncfs(int fd, const char *what, struct ocs_error *err)
{
    return syncfs(fd) < 0 ? ocs_error_errno(err, "%s: syncfs", what) : 0;
}

int ocs_io_chmod(int fd, mode_t mode, const char *what, struct ocs_error *err)
{
    return fchmod(fd, mode) < 0 ? ocs_error_errno(err, "%s: chmod", what) : 0;
}

int ocs_io_close(int fd, const char *what, struct ocs_error *err)
{
    if (close(fd) < 0 && errno != EINTR)
        return ocs_error_errno(err, "%s: close", what);
    return 0;
}

int ocs_io_create(int dir, const char *path, mode_t mode, int *fd, const char *what,
                  struct ocs_error *err)
{
    int created = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (created < 0)
        return errno_kept(err, what, "create");
    ocs_owner_of_file(dir, path, created);
    *fd = created;
    return 0;
}

int ocs_io_open_or_create(int dir, const char *path, mode_t mode, int *fd, const char *what,
                          struct ocs_error *err)
{
    const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    int opened = openat(dir, path, flags);
    if (opened < 0 && errno == ENOENT) {
        opened = openat(dir, path, flags | O_CREAT | O_EXCL, mode);
        if (opened >= 0)
            ocs_owner_of_file(dir, path, opened);
        else if (errno == EEXIST) /* somebody was quicker */
            opened = openat(dir, path, flags);
    }
    if (opened < 0)
        return ocs_error_errno(err, "%s: open", what);
    *fd = opened;
    return 0;
}

int ocs_io_mkdir(int dir, const char *path, mode_t mode, const char *what, struct ocs_error *err)
{
    if (mkdirat(dir, path, mode) == 0)
        ocs_owner_of_folder(dir, path);
    else if (errno != EEXIST)
        return errno_kept(err, what, "create the folder");
    return 0;
}

int ocs_io_mkdirs(int dir, const char *path, mode_t mode, const char *what, struct ocs_error *err)
{
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (size >= sizeof(part))
        return ocs_error_raise(err, OCS_FAILED, "%s: name too long", what);
    memcpy(part, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char end = part[i];
        part[i] = '\0';
        struct stat st;
        if (fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            char *slash = strrchr(part, '/');
            int result = ocs_io_mkdir(dir, part, mode, what, err);
            if (result == 0 && slash)
                *slash = '\0';
            if (result == 0)
                result = ocs_io_sync_dir(dir, slash ? part : ".", what, err);
            if (slash)
                *slash = '/';
            if (result < 0)
                return result;
        } else if (!S_ISDIR(st.st_mode)) {
            return ocs_error_raise(err, OCS_REFUSED, "%s: '%s' is no folder", what, part);
        }
        part[i] = end;
    }
    return 0;
}

static int rename_error(const char *what, struct ocs_error *err)
{
    if (errno == EEXIST)
        return OCS_IO_EXISTS;
    if (errno == ENOENT)
        return OCS_IO_ABSENT;
    return errno_kept(err, what, "rename");
}

int ocs_io_rename(int from_dir, const char *from, int to_dir, const char *to, const char *what,
                  struct ocs_error *err)
{
    if (renameat(from_dir, from, to_dir, to) < 0)
        return ocs_error_errno(err, "%s: rename", what);
    return 0;
}

int ocs_io_rename_noreplace(int from_dir, const char *from, int to_dir, const char *to,
                            const char *what, struct ocs_error *err)
{
    if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) < 0)
        return rename_error(what, err);
    return 0;
}

int ocs_io_exchange(int a_dir, const char *a, int b_dir, const char *b, const char *what,
                    struct ocs_error *err)
{
    if (renameat2(a_dir, a, b_dir, b, RENAME_EXCHANGE) < 0)
        return rename_error(what, err);
    return 0;
}

int ocs_io_unlink(int dir, const char *path, int flags, const char *what, struct ocs_error *err)
{
    if (unlinkat(dir, path, flags) < 0 && errno != ENOENT)
        return ocs_error_errno(err, "%s: unlink", what);
    return 0;
}

int ocs_io_rmdir(int dir, const char *path, const char *what, struct ocs_error *err)
{
    if (unlinkat(dir, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return errno == ENOTEMPTY || errno == EEXIST ? OCS_IO_EXISTS
                                                 : ocs_error_errno(err, "%s: rmdir", what);
}

int ocs_io_remove_tree(int dir, const char *path, const char *what, struct ocs_error *err)
{
    auto_fd int fd = -1;
    int result = ocs_io_open_dir(dir, path, &fd, what, err);
    if (result == OCS_IO_ABSENT)
        return 0;
    if (result == OCS_IO_NOT_REGULAR)
        return ocs_io_unlink(dir, path, 0, what, err);
    if (result < 0)
        return result;
    auto_dir DIR *entries = fdopendir(fd);
    if (!entries)
        return ocs_error_errno(err, "%s", what);
    int entries_fd = TAKE_FD(fd);
    struct dirent *entry;
    while ((errno = 0, entry = readdir(entries))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(entries_fd, entry->d_name, 0) == 0 || errno == ENOENT)
            continue;
        /* our own trees are a few levels deep */
        result = ocs_io_remove_tree(entries_fd, entry->d_name, what, err);
        if (result < 0)
            return result;
    }
    if (errno)
        return ocs_error_errno(err, "%s", what);
    return ocs_io_unlink(dir, path, AT_REMOVEDIR, what, err);
}

int ocs_io_sync_dir(int dir, const char *path, const char *what, struct ocs_error *err)
{
    auto_fd int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ocs_error_errno(err, "%s", what);
    return ocs_io_fsync(fd, what, err);
}

/* Writes the file whole and durably; the descriptor is closed in any case. */
static int write_file(int fd, const void *bytes, size_t size, const char *what,
                      struct ocs_error *err)
{
    int result = ocs_io_write(fd, bytes, size, what, err);
    if (result == 0)
        result = ocs_io_fsync(fd, what, err);
    int closed = ocs_io_close(fd, what, result == 0 ? err : NULL);
    return result < 0 ? result : closed;
}

static int parent_of(const char *path, char *parent, size_t size, struct ocs_error *err)
{
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) : 1;
    if (snprintf(parent, size, "%.*s", length, slash ? path : ".") >= (int)size)
        return ocs_error_raise(err, OCS_FAILED, "%s: name too long", path);
    return 0;
}

int ocs_io_replace(int dir, const char *path, const void *bytes, size_t size, mode_t mode,
                   const char *what, struct ocs_error *err)
{
    char random[17];
    char temporary[PATH_MAX];
    char parent[PATH_MAX];
    ocs_io_random_name(random);
    if (snprintf(temporary, sizeof(temporary), "%s.%s.tmp", path, random) >= (int)sizeof(temporary))
        return ocs_error_raise(err, OCS_FAILED, "%s: name too long", what);
    int fd = -1;
    int result = parent_of(path, parent, sizeof(parent), err);
    if (result == 0)
        result = ocs_io_create(dir, temporary, mode, &fd, what, err);
    if (result < 0)
        return result;
    result = write_file(fd, bytes, size, what, err);
    if (result == 0)
        result = ocs_io_rename(dir, temporary, dir, path, what, err);
    if (result < 0) {
        unlinkat(dir, temporary, 0); /* best effort; the error is known */
        return result;
    }
    return ocs_io_sync_dir(dir, parent, what, err);
}

void ocs_io_random_name(char out[17])
{
    unsigned char raw[8];
    size_t done = 0;
    while (done < sizeof(raw)) {
        ssize_t n = getrandom(raw + done, sizeof(raw) - done, 0);
        if (n > 0)
            done += (size_t)n;
    }
    for (size_t i = 0; i < sizeof(raw); i++)
        snprintf(out + 2 * i, 3, "%02x", raw[i]);
}
