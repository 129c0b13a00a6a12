/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_SWEEP_H
#define OCS_GC_SWEEP_H

/* A plan -> the trash, in batches under the lock, each after a second look. */

#include "leftovers.h"
#include "play.h"
#include "survey.h"

struct ocs_sweep_options {
    const struct ocs_survey_options *survey; /* for looking again */
    bool now;                                /* a blob that no space is left to move is unlinked */
    const struct ocs_gc_play *play;
    const struct ocs_leftovers *leftovers;
    const char *run; /* of the trash and of the journal */
};

/* Moves what is due by the plan of `first` and still is, then the leftovers.  `again`, zeros before
 * and cleared by the caller, is the last look that was taken after it, if any.
 * Adds to trashed and rescued of the report, and to purged what was unlinked for
 * lack of space.  Positive: OCS_GRAPH_CORRUPT. */
int ocs_sweep_run(struct ocs_store *store, const struct ocs_sweep_options *options,
                  const struct ocs_survey *first, struct ocs_survey *again,
                  struct ocs_gc_report *report, struct ocs_error *err);

#endif
