/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/*
 * For LD_PRELOAD: makes one call fail, or ends the process at one that changes a
 * file system as kill -9 would.  Told by the environment:
 *
 *   OCS_FAULT_KIND   write, fsync, ... (inject.h), "any" that changes something, or
 *                    "space": what takes some
 *   OCS_FAULT_AT     which call of that kind, from 1; 0: none, only count
 *   OCS_FAULT_MODE   fail (default)  that one call fails with OCS_FAULT_ERRNO
 *                    from            it and all later ones do
 *                    short           that write writes half of what it should
 *                    kill            the process ends before that call
 *                    killed-after    ... right after it
 *                    meet            OCS_FAULT_COMMAND is run before that call, and
 *                                    before the next ones, OCS_FAULT_TIMES (1) in all
 *   OCS_FAULT_ERRNO  a number
 *   OCS_FAULT_BELOW  nothing else fails but what lies below this folder
 *   OCS_FAULT_COUNT  a file that gets one line "KIND CALLS" for each kind at exit
 *   OCS_FAULT_TRACE  a file that gets one line "ALL KIND CALL PATH" for each call
 *
 * Only regular files and folders count: no pipes, terminals or eventfds; of close
 * only that of a file open for writing.  Calls go to the kernel directly, so that
 * no library is looked up in a process that may be in any state.
 */

#include "inject.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define AS_NAME(symbol, name) name,
static const char *const NAMES[KIND_COUNT] = {KINDS(AS_NAME)};

enum mode { FAIL, FROM, SHORT, KILL, KILL_AFTER, MEET };

static struct {
    bool any;
    bool space;
    int kind; /* -1: none */
    unsigned long at;
    unsigned long times; /* of a meeting */
    enum mode mode;
    int error;
    const char *command;
    const char *below;
    const char *count_path;
    const char *trace_path;
} plan = {.kind = -1};

static atomic_ulong counts[KIND_COUNT];
static atomic_ulong total;

static enum mode mode_of(const char *name)
{
    static const char *const MODES[] = {"fail", "from", "short", "kill", "killed-after", "meet"};
    for (size_t i = 0; name && i < sizeof(MODES) / sizeof(MODES[0]); i++)
        if (strcmp(name, MODES[i]) == 0)
            return (enum mode)i;
    return FAIL;
}

__attribute__((constructor)) static void read_plan(void)
{
    const char *kind = getenv("OCS_FAULT_KIND");
    const char *at = getenv("OCS_FAULT_AT");
    const char *error = getenv("OCS_FAULT_ERRNO");
    const char *times = getenv("OCS_FAULT_TIMES");
    plan.any = kind && strcmp(kind, "any") == 0;
    plan.space = kind && strcmp(kind, "space") == 0;
    for (int i = 0; kind && i < KIND_COUNT; i++)
        if (strcmp(kind, NAMES[i]) == 0)
            plan.kind = i;
    plan.at = at ? strtoul(at, NULL, 10) : 0;
    plan.times = times ? strtoul(times, NULL, 10) : 1;
    plan.mode = mode_of(getenv("OCS_FAULT_MODE"));
    plan.error = error ? atoi(error) : EIO;
    plan.command = getenv("OCS_FAULT_COMMAND");
    plan.below = getenv("OCS_FAULT_BELOW");
    plan.count_path = getenv("OCS_FAULT_COUNT");
    plan.trace_path = getenv("OCS_FAULT_TRACE");
}

__attribute__((destructor)) static void write_counts(void)
{
    char text[64];
    if (!plan.count_path)
        return;
    int fd =
        (int)syscall(SYS_openat, AT_FDCWD, plan.count_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    for (int i = 0; i < KIND_COUNT; i++) {
        int size = snprintf(text, sizeof(text), "%s %lu\n", NAMES[i], atomic_load(&counts[i]));
        syscall(SYS_write, fd, text, (size_t)size);
    }
    syscall(SYS_close, fd);
}

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Somebody else does something, undisturbed. */
static void meet(void)
{
    static char *const environment[] = {NULL};
    char *const argv[] = {"sh", "-c", (char *)plan.command, NULL};
    pid_t child;
    int error = errno;
    if (posix_spawn(&child, "/bin/sh", NULL, NULL, argv, environment) == 0)
        waitpid(child, NULL, 0);
    errno = error;
}

#define TARGET_SIZE 512

/* The file or folder that `fd` is. */
static const char *target_of(int fd, char target[TARGET_SIZE])
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, target, TARGET_SIZE - 1);
    target[size < 0 ? 0 : size] = '\0';
    return target;
}

static bool is_below(int fd, const char *path)
{
    char target[TARGET_SIZE];
    if (!plan.below)
        return true;
    if (!path || (path[0] != '/' && fd >= 0))
        path = target_of(fd, target);
    return strncmp(path, plan.below, strlen(plan.below)) == 0;
}

/* `path` NULL: the file that `fd` is. */
static void trace(unsigned long of_all, enum kind kind, unsigned long n, int fd, const char *path)
{
    char target[TARGET_SIZE];
    char text[700];
    if (!path)
        path = target_of(fd, target);
    int size = snprintf(text, sizeof(text), "%lu %s %lu %s\n", of_all, NAMES[kind], n, path);
    int out =
        (int)syscall(SYS_openat, AT_FDCWD, plan.trace_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    syscall(SYS_write, out, text, (size_t)size);
    syscall(SYS_close, out);
}

static bool is_meant(enum kind kind)
{
    if (plan.any)
        return kind < FIRST_READING;
    if (plan.space)
        return kind == WRITE || kind == CREATE || kind == MKDIR || kind == ALLOCATE || kind == COPY;
    return (int)kind == plan.kind;
}

static bool is_its_turn(unsigned long n)
{
    if (plan.mode == FROM)
        return n >= plan.at;
    if (plan.mode == MEET)
        return n >= plan.at && n - plan.at < plan.times;
    return n == plan.at;
}

/* Counts the call and says what is to become of it. */
enum verdict judge(enum kind kind, int fd, const char *path)
{
    bool changes = kind < FIRST_READING;
    unsigned long n = atomic_fetch_add(&counts[kind], 1) + 1;
    unsigned long of_all = changes ? atomic_fetch_add(&total, 1) + 1 : 0;
    unsigned long mine = plan.any ? of_all : n;
    if (plan.trace_path && kind < MEMORY)
        trace(of_all, kind, n, fd, path);
    if (plan.at == 0 || !is_meant(kind) || !is_below(fd, path))
        return GO_ON;
    if (!is_its_turn(mine))
        return GO_ON;
    switch (plan.mode) {
    case SHORT:
        return GO_SHORT;
    case KILL:
        die();
        return GO_ON;
    case KILL_AFTER:
        return GO_AND_DIE;
    case MEET:
        meet();
        return GO_ON;
    default:
        errno = plan.error;
        return GIVE_ERROR;
    }
}

#define INJECT(kind, fd, path, call)                                                               \
    do {                                                                                           \
        enum verdict verdict_ = judge(kind, fd, path);                                             \
        if (verdict_ == GIVE_ERROR)                                                                \
            return -1;                                                                             \
        long result_ = (call);                                                                     \
        if (verdict_ == GO_AND_DIE)                                                                \
            die();                                                                                 \
        return (int)result_;                                                                       \
    } while (0)

/* ---- files that are written ---- */

static bool is_file(int fd)
{
    int saved = errno;
    struct stat st;
    bool file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    errno = saved;
    return file;
}

ssize_t write(int fd, const void *buffer, size_t size)
{
    enum verdict verdict = is_file(fd) ? judge(WRITE, fd, NULL) : GO_ON;
    if (verdict == GIVE_ERROR)
        return -1;
    if (verdict == GO_SHORT && size > 1)
        size /= 2;
    ssize_t n = syscall(SYS_write, fd, buffer, size);
    if (verdict == GO_AND_DIE)
        die();
    return n;
}

ssize_t pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
    enum verdict verdict = is_file(fd) ? judge(WRITE, fd, NULL) : GO_ON;
    if (verdict == GIVE_ERROR)
        return -1;
    if (verdict == GO_SHORT && size > 1)
        size /= 2;
    ssize_t n = syscall(SYS_pwrite64, fd, buffer, size, offset);
    if (verdict == GO_AND_DIE)
        die();
    return n;
}

ssize_t pwrite64(int fd, const void *buffer, size_t size, off_t offset)
    __attribute__((alias("pwrite")));

/* Halves of vectors are not worth the trouble: its first part alone. */
ssize_t writev(int fd, const struct iovec *vector, int count)
{
    enum verdict verdict = is_file(fd) ? judge(WRITE, fd, NULL) : GO_ON;
    if (verdict == GIVE_ERROR)
        return -1;
    if (verdict == GO_SHORT)
        count = 1;
    ssize_t n = syscall(SYS_writev, fd, vector, count);
    if (verdict == GO_AND_DIE)
        die();
    return n;
}

ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t size, unsigned flags)
{
    enum verdict verdict = judge(COPY, out, NULL);
    if (verdict == GIVE_ERROR)
        return -1;
    if (verdict == GO_SHORT && size > 1)
        size /= 2;
    ssize_t n = syscall(SYS_copy_file_range, in, in_at, out, out_at, size, flags);
    if (verdict == GO_AND_DIE)
        die();
    return n;
}

/* The one request that ours make of a file which is written. */
int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *argument = va_arg(args, void *);
    va_end(args);
    if (request != FICLONE)
        return (int)syscall(SYS_ioctl, fd, request, argument);
    INJECT(COPY, fd, NULL, syscall(SYS_ioctl, fd, request, argument));
}

int sync_file_range(int fd, off_t offset, off_t size, unsigned flags)
{
    INJECT(FSYNC, fd, NULL, syscall(SYS_sync_file_range, fd, offset, size, flags));
}

int fsync(int fd)
{
    INJECT(FSYNC, fd, NULL, syscall(SYS_fsync, fd));
}

int fdatasync(int fd)
{
    INJECT(FSYNC, fd, NULL, syscall(SYS_fdatasync, fd));
}

atomic_bool synced;

int syncfs(int fd)
{
    synced = true;
    INJECT(SYNCFS, fd, NULL, syscall(SYS_syncfs, fd));
}

int ftruncate(int fd, off_t size)
{
    INJECT(TRUNCATE, fd, NULL, syscall(SYS_ftruncate, fd, size));
}

int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    INJECT(ALLOCATE, fd, NULL, syscall(SYS_fallocate, fd, mode, offset, size));
}

int fallocate64(int fd, int mode, off_t offset, off_t size) __attribute__((alias("fallocate")));

int fchmod(int fd, mode_t mode)
{
    INJECT(MODE, fd, NULL, syscall(SYS_fchmod, fd, mode));
}

int fchown(int fd, uid_t owner, gid_t group)
{
    INJECT(MODE, fd, NULL, syscall(SYS_fchown, fd, owner, group));
}

/* A close that fails has closed nevertheless (close(2)). */
int close(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    bool counts_here = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && is_file(fd);
    enum verdict verdict = counts_here ? judge(CLOSE, fd, NULL) : GO_ON;
    int error = errno;
    lock_closed(fd);
    int result = (int)syscall(SYS_close, fd);
    if (verdict == GO_AND_DIE)
        die();
    if (verdict != GIVE_ERROR)
        return result;
    errno = error;
    return -1;
}

/* ---- files that are read ---- */

ssize_t read(int fd, void *buffer, size_t size)
{
    enum verdict verdict = is_file(fd) ? judge(READ, fd, NULL) : GO_ON;
    if (verdict == GIVE_ERROR)
        return -1;
    if (verdict == GO_SHORT && size > 1)
        size /= 2;
    return syscall(SYS_read, fd, buffer, size);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
    enum verdict verdict = is_file(fd) ? judge(READ, fd, NULL) : GO_ON;
    if (verdict == GIVE_ERROR)
        return -1;
    if (verdict == GO_SHORT && size > 1)
        size /= 2;
    return syscall(SYS_pread64, fd, buffer, size, offset);
}

ssize_t pread64(int fd, void *buffer, size_t size, off_t offset) __attribute__((alias("pread")));

/* Of one piece, as ours all are. */
ssize_t preadv2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
    enum verdict verdict = is_file(fd) ? judge(READ, fd, NULL) : GO_ON;
    struct iovec piece = pieces[0];
    if (verdict == GIVE_ERROR)
        return -1;
    if (verdict == GO_SHORT && piece.iov_len > 1)
        piece.iov_len /= 2;
    return syscall(SYS_preadv2, fd, &piece, (unsigned long)count, (unsigned long)offset, 0ul,
                   flags);
}

ssize_t preadv64v2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
    __attribute__((alias("preadv2")));

/* There is no openat2() to interpose: it comes by this way. */
long syscall(long number, ...)
{
    static long (*next)(long, ...);
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (!next)
        next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_openat2 && judge(OPEN, (int)a[0], (const char *)a[1]) == GIVE_ERROR)
        return -1;
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- names ---- */

/* What is there already is not made, and takes no room. */
static bool is_there(int dir, const char *path)
{
    struct stat st;
    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_common(int dir, const char *path, int flags, mode_t mode)
{
    enum kind kind = flags & O_CREAT && !is_there(dir, path) ? CREATE : OPEN;
    INJECT(kind, dir, path, syscall(SYS_openat, dir, path, flags, mode));
}

#define MODE_OF(flags, last, mode)                                                                 \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                       \
        va_list args_;                                                                             \
        va_start(args_, last);                                                                     \
        mode = va_arg(args_, mode_t);                                                              \
        va_end(args_);                                                                             \
    }

int openat(int dir, const char *path, int flags, ...)
{
    MODE_OF(flags, flags, mode)
    return open_common(dir, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    MODE_OF(flags, flags, mode)
    return open_common(AT_FDCWD, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...) __attribute__((alias("openat")));
int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int mkdirat(int dir, const char *path, mode_t mode)
{
    if (is_there(dir, path)) {
        errno = EEXIST;
        return -1;
    }
    INJECT(MKDIR, dir, path, syscall(SYS_mkdirat, dir, path, mode));
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int unlinkat(int dir, const char *path, int flags)
{
    INJECT(UNLINK, dir, path, syscall(SYS_unlinkat, dir, path, flags));
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    INJECT(RENAME, from_dir, from, syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return renameat2(from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    INJECT(LINK, from_dir, from, syscall(SYS_linkat, from_dir, from, to_dir, to, flags));
}

int symlinkat(const char *target, int dir, const char *path)
{
    INJECT(LINK, dir, path, syscall(SYS_symlinkat, target, dir, path));
}
