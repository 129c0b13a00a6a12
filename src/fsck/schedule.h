/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_SCHEDULE_H
#define OCS_FSCK_SCHEDULE_H

/* What is hashed, and in which order: recorded bad, never verified, then least
 * recently verified; among equals the largest first, so that threads end together. */

#include "run.h"

struct ocs_schedule {
    uint32_t *blobs;
    size_t count;
    uint64_t bytes;
};

int ocs_schedule_make(struct ocs_fsck_run *run, struct ocs_schedule *out, struct ocs_error *err);
void ocs_schedule_clear(struct ocs_schedule *schedule);

#endif
