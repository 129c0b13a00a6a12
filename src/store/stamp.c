/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "stamp.h"

#include <time.h>

int64_t ocs_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t ocs_now_s(void)
{
    return ocs_now_ns() / 1000000000;
}

/* A file may have a time that 64 bits of nanoseconds do not reach: it stays as far in the
 * future or in the past, and can still be compared with now. */
static int64_t nanoseconds(const struct timespec *time)
{
    int64_t ns;
    if (__builtin_mul_overflow((int64_t)time->tv_sec, INT64_C(1000000000), &ns) ||
        __builtin_add_overflow(ns, (int64_t)time->tv_nsec, &ns))
        ns = time->tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return ns > INT64_MIN / 2 ? ns : INT64_MIN / 2;
}

struct ocs_stamp ocs_stamp_of(const struct stat *st)
{
    return (struct ocs_stamp){
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime_ns = nanoseconds(&st->st_mtim),
        .ctime_ns = nanoseconds(&st->st_ctim),
    };
}

bool ocs_stamp_equal(const struct ocs_stamp *a, const struct ocs_stamp *b)
{
    return ocs_stamp_same_file(a, b) && a->ctime_ns == b->ctime_ns;
}

bool ocs_stamp_same_file(const struct ocs_stamp *a, const struct ocs_stamp *b)
{
    return a->inode == b->inode && a->size == b->size && a->mtime_ns == b->mtime_ns;
}

#define SETTLED_NS 2000000000

bool ocs_stamp_settled(const struct ocs_stamp *stamp)
{
    int64_t before = ocs_now_ns() - SETTLED_NS;
    return stamp->mtime_ns <= before && stamp->ctime_ns <= before;
}

/* 10 ms at most where times have fractions.  Some file systems keep whole seconds (ext4
 * with small inodes): none of theirs has any. */
#define TICK_NS (50 * INT64_C(1000000))
#define SECOND  INT64_C(1000000000)

bool ocs_stamp_ticking(const struct ocs_stamp *stamp)
{
    bool whole = stamp->ctime_ns % SECOND == 0;
    return ocs_now_ns() - stamp->ctime_ns < (whole ? SECOND + TICK_NS : TICK_NS);
}
