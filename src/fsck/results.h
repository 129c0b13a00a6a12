/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_RESULTS_H
#define OCS_FSCK_RESULTS_H

/* What a run learns, on its way into the graph; nothing happens without one.
 *
 * A commit waits for the disk, so a full batch is written by a thread of its own
 * while the calling one collects the next.  Nobody else may use the graph meanwhile:
 * ocs_results_settle before. */

#include "run.h"

int ocs_results_open(struct ocs_fsck_run *run, struct ocs_error *err);
/* What was not flushed is forgotten. */
void ocs_results_close(struct ocs_fsck_run *run);

/* A blob that was read: `document` NULL when it is none. */
int ocs_results_learn(struct ocs_fsck_run *run, uint32_t blob, const struct ocs_document *document,
                      const struct ocs_stamp *stamp, struct ocs_error *err);
/* A blob was hashed; `settled`: it had not changed for 2 s when that began. */
int ocs_results_stamp(struct ocs_fsck_run *run, uint32_t blob, const struct ocs_stamp *stamp,
                      bool good, bool settled, struct ocs_error *err);

/* Waits until nothing is being written.  A graph that turned out to be damaged, or was
 * taken away, is reported and gone afterwards: look at run->graph again. */
int ocs_results_settle(struct ocs_fsck_run *run, struct ocs_error *err);
/* Everything that is known. */
int ocs_results_flush(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
