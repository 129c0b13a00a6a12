/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_READS_H
#define OCS_TESTS_READS_H

/* Between the library and read(2): a test can count the readings of blobs, change
 * what comes, or do something at one of them.  Included by one file of a program,
 * whose definitions of read and its kin come before libc's. */

#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct reads {
    ino_t inode; /* of the file that is meant; 0: any regular file */
    void *data;
    /* The call is the nth, from 1, and gave `size` bytes; what the caller gets. */
    ssize_t (*hook)(void *data, unsigned long nth, char *bytes, ssize_t size);
};

static const struct reads *reads_now;
static atomic_ulong reads_count;

static inline void reads_begin(const struct reads *reads)
{
    atomic_store(&reads_count, 0);
    reads_now = reads;
}

static inline unsigned long reads_end(void)
{
    reads_now = NULL;
    return atomic_load(&reads_count);
}

static inline ssize_t reads_pass(int fd, void *bytes, ssize_t size)
{
    struct stat st;
    int kept = errno;
    const struct reads *reads = reads_now;
    if (!reads || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        (reads->inode && st.st_ino != reads->inode)) {
        errno = kept;
        return size;
    }
    return reads->hook(reads->data, atomic_fetch_add(&reads_count, 1) + 1, bytes, size);
}

ssize_t read(int fd, void *bytes, size_t size)
{
    return reads_pass(fd, bytes, syscall(SYS_read, fd, bytes, size));
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset)
{
    return reads_pass(fd, bytes, syscall(SYS_pread64, fd, bytes, size, offset));
}

/* Never without bytes because a disk is busy or a file system (tmpfs) cannot tell: each
 * reading counts. */
ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    return reads_pass(fd, parts[0].iov_base,
                      syscall(SYS_preadv2, fd, parts, count, offset, 0, flags & ~RWF_NOWAIT));
}

/* What fortified headers make of them. */
ssize_t fortified_read(int fd, void *bytes, size_t size, size_t room) __asm__("__read_chk");
ssize_t fortified_read(int fd, void *bytes, size_t size, size_t room)
{
    (void)room;
    return read(fd, bytes, size);
}

ssize_t fortified_pread(int fd, void *bytes, size_t size, off_t offset,
                        size_t room) __asm__("__pread64_chk");
ssize_t fortified_pread(int fd, void *bytes, size_t size, off_t offset, size_t room)
{
    (void)room;
    return pread(fd, bytes, size, offset);
}

#endif
