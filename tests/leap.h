/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_LEAP_H
#define OCS_TESTS_LEAP_H

/* Sleeping that takes no time: while `leaping`, the monotonic clock goes on by what was
 * to be slept.  Included by one file of a program. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_bool leaping;
static atomic_llong leapt_ns;

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int r = (int)syscall(SYS_clock_gettime, clock, out);
    if (r == 0 && clock == CLOCK_MONOTONIC) {
        long long ns = out->tv_nsec + atomic_load(&leapt_ns);
        out->tv_sec += ns / 1000000000;
        out->tv_nsec = ns % 1000000000;
    }
    return r;
}

int nanosleep(const struct timespec *time, struct timespec *left)
{
    if (!atomic_load(&leaping))
        return (int)syscall(SYS_nanosleep, time, left);
    atomic_fetch_add(&leapt_ns, time->tv_sec * 1000000000ll + time->tv_nsec);
    return 0;
}

/* In whole milliseconds, cut off as the program cuts them off: a wait that it counts as
 * N ms is never less here. */
static inline int64_t leap_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
