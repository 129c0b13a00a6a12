/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/*
 * For LD_PRELOAD: writes down, in order, every call that changes a file system and
 * every call that makes changes durable, so that `powercut` can work out what a
 * power cut at any moment may leave.  $OCS_RECORD is a folder; it gets
 *
 *   log    one line for each call: its name and its arguments, between tabs, paths
 *          absolute
 *   data   what was written; the log says from where to where
 *
 * The order is that of the log: two threads that change something at the same
 * moment take turns.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_SIZE 4096

static int log_fd = -1;
static int data_fd = -1;
static off_t data_size;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static int open_record(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                        0644);
}

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("OCS_RECORD");
    if (!folder)
        return;
    log_fd = open_record(folder, "log");
    data_fd = open_record(folder, "data");
    data_size = lseek(data_fd, 0, SEEK_END);
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    char line[3 * PATH_SIZE];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    syscall(SYS_write, log_fd, line, (size_t)size);
}

/* The file that a descriptor is; false for what has no name (a pipe, or unlinked). */
static bool path_of_fd(int fd, char out[PATH_SIZE])
{
    char link[64];
    struct stat st;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, out, PATH_SIZE - 1);
    if (size < 0 || fstat(fd, &st) < 0 || st.st_nlink == 0)
        return false;
    out[size] = '\0';
    return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
}

/* Our callers give names without "..". */
static void path_at(int dir, const char *path, char out[PATH_SIZE])
{
    char base[PATH_SIZE] = "";
    if (path[0] == '/')
        base[0] = '\0';
    else if (dir == AT_FDCWD)
        (void)!getcwd(base, sizeof(base));
    else
        path_of_fd(dir, base);
    snprintf(out, PATH_SIZE, "%s%s%s", base, path[0] == '/' ? "" : "/", path);
}

#define RECORDED(call, noting)                                                                     \
    do {                                                                                           \
        pthread_mutex_lock(&turn);                                                                 \
        long result_ = (call);                                                                     \
        int error_ = errno;                                                                        \
        if (result_ >= 0 && log_fd >= 0) {                                                         \
            noting;                                                                                \
        }                                                                                          \
        pthread_mutex_unlock(&turn);                                                               \
        errno = error_;                                                                            \
        return (int)result_;                                                                       \
    } while (0)

/* ---- files that are written ---- */

static void note_written(int fd, off_t offset, size_t size, const void *bytes)
{
    char path[PATH_SIZE];
    if (!path_of_fd(fd, path))
        return;
    syscall(SYS_write, data_fd, bytes, size);
    note("write\t%s\t%lld\t%zu\t%lld\n", path, (long long)offset, size, (long long)data_size);
    data_size += (off_t)size;
    if (fcntl(fd, F_GETFL) & O_DSYNC) /* how LMDB writes its meta pages */
        note("fsync\t%s\n", path);
}

static ssize_t write_noted(int fd, const void *bytes, size_t size, off_t offset, bool at)
{
    if (log_fd < 0)
        return at ? syscall(SYS_pwrite64, fd, bytes, size, offset)
                  : syscall(SYS_write, fd, bytes, size);
    pthread_mutex_lock(&turn);
    if (!at)
        offset = lseek(fd, 0, SEEK_CUR);
    ssize_t n =
        at ? syscall(SYS_pwrite64, fd, bytes, size, offset) : syscall(SYS_write, fd, bytes, size);
    int error = errno;
    if (n > 0 && offset >= 0)
        note_written(fd, offset, (size_t)n, bytes);
    pthread_mutex_unlock(&turn);
    errno = error;
    return n;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    return write_noted(fd, bytes, size, 0, false);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return write_noted(fd, bytes, size, offset, true);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset)
    __attribute__((alias("pwrite")));

/* LMDB does not go on after a short one: all parts have to be written. */
ssize_t writev(int fd, const struct iovec *vector, int count)
{
    ssize_t done = 0;
    for (int i = 0; i < count; i++) {
        ssize_t n = write_noted(fd, vector[i].iov_base, vector[i].iov_len, 0, false);
        if (n < 0)
            return done ? done : -1;
        done += n;
        if ((size_t)n < vector[i].iov_len)
            break;
    }
    return done;
}

ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t size, unsigned flags)
{
    (void)in, (void)in_at, (void)out, (void)out_at, (void)size, (void)flags;
    errno = EOPNOTSUPP; /* what cannot be recorded is not offered */
    return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *argument = va_arg(args, void *);
    va_end(args);
    if (request != FICLONE)
        return (int)syscall(SYS_ioctl, fd, request, argument);
    errno = EOPNOTSUPP; /* as above */
    return -1;
}

static void note_fd(const char *name, int fd)
{
    char path[PATH_SIZE];
    if (path_of_fd(fd, path))
        note("%s\t%s\n", name, path);
}

int fsync(int fd)
{
    RECORDED(syscall(SYS_fsync, fd), note_fd("fsync", fd));
}

int fdatasync(int fd)
{
    RECORDED(syscall(SYS_fdatasync, fd), note_fd("fsync", fd));
}

int syncfs(int fd)
{
    RECORDED(syscall(SYS_syncfs, fd), note("syncfs\n"));
}

static void note_size(int fd, off_t size)
{
    char path[PATH_SIZE];
    if (path_of_fd(fd, path))
        note("size\t%s\t%lld\n", path, (long long)size);
}

int ftruncate(int fd, off_t size)
{
    RECORDED(syscall(SYS_ftruncate, fd, size), note_size(fd, size));
}

int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    RECORDED(syscall(SYS_fallocate, fd, mode, offset, size), note_size(fd, offset + size));
}

int fallocate64(int fd, int mode, off_t offset, off_t size) __attribute__((alias("fallocate")));

/* ---- names ---- */

static int open_noted(int dir, const char *path, int flags, mode_t mode)
{
    char full[PATH_SIZE];
    struct stat st;
    if (!(flags & (O_CREAT | O_TRUNC)) || log_fd < 0)
        return (int)syscall(SYS_openat, dir, path, flags, mode);
    path_at(dir, path, full);
    bool was_there = fstatat(AT_FDCWD, full, &st, AT_SYMLINK_NOFOLLOW) == 0;
    RECORDED(syscall(SYS_openat, dir, path, flags, mode),
             if (!was_there) note("create\t%s\n", full);
             else if (flags & O_TRUNC) note("size\t%s\t0\n", full));
}

#define MODE_OF(flags, mode)                                                                       \
    mode_t mode = 0;                                                                               \
    if ((flags)&O_CREAT) {                                                                         \
        va_list args_;                                                                             \
        va_start(args_, flags);                                                                    \
        mode = va_arg(args_, mode_t);                                                              \
        va_end(args_);                                                                             \
    }

int openat(int dir, const char *path, int flags, ...)
{
    MODE_OF(flags, mode)
    return open_noted(dir, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    MODE_OF(flags, mode)
    return open_noted(AT_FDCWD, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...) __attribute__((alias("openat")));
int open64(const char *path, int flags, ...) __attribute__((alias("open")));

static void note_name(const char *name, int dir, const char *path)
{
    char full[PATH_SIZE];
    path_at(dir, path, full);
    note("%s\t%s\n", name, full);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
    RECORDED(syscall(SYS_mkdirat, dir, path, mode), note_name("mkdir", dir, path));
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int unlinkat(int dir, const char *path, int flags)
{
    RECORDED(syscall(SYS_unlinkat, dir, path, flags), note_name("unlink", dir, path));
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

static void note_rename(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    char source[PATH_SIZE];
    char target[PATH_SIZE];
    path_at(from_dir, from, source);
    path_at(to_dir, to, target);
    note("%s\t%s\t%s\n", flags & RENAME_EXCHANGE ? "exchange" : "rename", source, target);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    RECORDED(syscall(SYS_renameat2, from_dir, from, to_dir, to, flags),
             note_rename(from_dir, from, to_dir, to, flags));
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return renameat2(from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}
