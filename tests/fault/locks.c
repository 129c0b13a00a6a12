/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/*
 * flock, and the order in which our locks are taken: who has a later one must not
 * ask for an earlier one, or two processes may wait for each other.
 */

#include "inject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FDS 1024

static const char *const ORDER[] = {
    "",
    "locks/gc.lock locks/fsck.lock",
    "locks/gate.lock",
    "locks/store.lock",
    "locks/layouts/",
    "/index.json.lock",
    "locks/graph.lock",
};
#define RANKS ((int)(sizeof(ORDER) / sizeof(ORDER[0])))

static atomic_char held[FDS]; /* rank of the lock that is had by this descriptor */

/* 0: none of ours. */
static int rank_of(int fd)
{
    char link[64];
    char target[4096];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, target, sizeof(target) - 1);
    target[size < 0 ? 0 : size] = '\0';
    for (int rank = 1; rank < RANKS; rank++) {
        char names[64];
        char *rest = NULL;
        snprintf(names, sizeof(names), "%s", ORDER[rank]);
        for (char *name = strtok_r(names, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
            if (strstr(target, name))
                return rank;
        }
    }
    return 0;
}

static void check_order(int rank, int fd)
{
    for (int other = 0; other < FDS; other++) {
        if (other == fd || held[other] <= rank)
            continue;
        fprintf(stderr, "locks out of order: '%s' after '%s'\n", ORDER[rank],
                ORDER[(int)held[other]]);
        abort();
    }
}

void lock_closed(int fd)
{
    if (fd >= 0 && fd < FDS)
        held[fd] = 0;
}

int flock(int fd, int operation)
{
    int rank = fd >= 0 && fd < FDS ? rank_of(fd) : 0;
    if (rank && !(operation & LOCK_UN))
        check_order(rank, fd);
    /* to give one back never fails */
    if (!(operation & LOCK_UN) && judge(LOCK, fd, NULL) == GIVE_ERROR)
        return -1;
    int result = (int)syscall(SYS_flock, fd, operation);
    if (rank && (operation & LOCK_UN))
        held[fd] = 0;
    else if (rank && result == 0)
        held[fd] = (char)rank;
    return result;
}
