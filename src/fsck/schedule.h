/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_SCHEDULE_H
#define OCS_FSCK_SCHEDULE_H

/* What is hashed, and in which order: seen to be wrong in this run, recorded bad, never verified,
 * then least recently verified; among equals the largest first, so that threads end together. */

#include "run.h"

struct ocs_schedule {
    uint32_t *blobs;
    size_t count;
    uint64_t bytes;
};

/* The options ask for this blob to be verified.  Its stamp is known. */
bool ocs_schedule_wants(const struct ocs_fsck_run *run, const struct ocs_blob_state *state);
/* Its bytes were wrong when it was read as a document: it is read again whatever the options
 * and the budget say, since only then is it known to be damaged. */
bool ocs_schedule_must(const struct ocs_blob_state *state);
/* What is read anyway is verified at once; not in a run that is boxed, where
 * everything waits for its turn. */
bool ocs_schedule_in_passing(const struct ocs_fsck_run *run);

/* Cut to what max_bytes allows, and what must be; the rest is counted as left. */
int ocs_schedule_make(struct ocs_fsck_run *run, struct ocs_schedule *out, struct ocs_error *err);
void ocs_schedule_clear(struct ocs_schedule *schedule);

#endif
