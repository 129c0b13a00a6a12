/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* It is an hour later: OCS_FAULT_LATER is "always", or "synced": from the first
 * syncfs on. */

#include "inject.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    const char *later = getenv("OCS_FAULT_LATER");
    if (result == 0 && clock == CLOCK_REALTIME && later && (synced || strcmp(later, "always") == 0))
        now->tv_sec += 3600;
    return result;
}
