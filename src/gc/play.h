/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_PLAY_H
#define OCS_GC_PLAY_H

/* The moments of a run at which other programs could come in between, for tests
 * that play these, and the time of day. */

#include "ocistore.h"

enum ocs_gc_point {
    OCS_GC_SURVEYED, /* the plan is made; nothing has been touched */
    OCS_GC_LOCKED,   /* the lock is held, the second look comes now */
    OCS_GC_RENAMED,  /* one blob is in the trash, nothing is synced yet */
    OCS_GC_SWEPT,    /* a batch is renamed, the lock is given back */
    OCS_GC_PURGING,  /* the last look is over; what is in the trash goes */
};

struct ocs_gc_play {
    void *data;
    void (*at)(void *data, enum ocs_gc_point point);
    int64_t now;    /* seconds; 0: the clock */
    uint32_t batch; /* renames under one lock; 0: by time */
};

static inline void ocs_play_reached(const struct ocs_gc_play *play, enum ocs_gc_point point)
{
    if (play && play->at)
        play->at(play->data, point);
}

#endif
