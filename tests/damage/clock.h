/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_CLOCK_H
#define OCS_TESTS_CLOCK_H

/* The time of day as the library sees it, ahead of the real one: with a few
 * seconds no file has just been written.  Included by one file of a program. */

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_long clock_ahead;

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int r = (int)syscall(SYS_clock_gettime, clock, out);
    if (r == 0 && clock == CLOCK_REALTIME)
        out->tv_sec += atomic_load(&clock_ahead);
    return r;
}

#endif
