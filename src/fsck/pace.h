/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_PACE_H
#define OCS_FSCK_PACE_H

/* --rate and --max-time, for all workers together. */

#include "run.h"

#include "store/workers.h"

#include <stdatomic.h>

struct ocs_pace {
    int64_t began_ns;    /* of the hashing */
    int64_t deadline_ns; /* 0: none */
    uint64_t rate;       /* bytes a second; 0: as fast as can be */
    _Atomic uint64_t spent;
    atomic_bool begun;     /* a blob was, so that every run comes on */
    atomic_bool ended;     /* a blob was read to its end */
    _Atomic uint32_t last; /* the one that goes on after the deadline; OCS_NO_BLOB: none */
};

void ocs_pace_init(struct ocs_pace *pace, const struct ocs_fsck_run *run);
/* No further blob is begun; false for the first that asks, which begins one. */
bool ocs_pace_is_over(struct ocs_pace *pace);
void ocs_pace_note_end(struct ocs_pace *pace);
/* The time is over for a blob that was begun, too: sixteen large ones are under way in
 * each thread, which can take hours.  False for one of them where none has ended. */
bool ocs_pace_drops(struct ocs_pace *pace, uint32_t blob);
/* Waits until so many bytes more are due; false: cancelled. */
bool ocs_pace_spend(struct ocs_pace *pace, uint64_t bytes, struct ocs_workers *workers);

#endif
