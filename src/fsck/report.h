/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_REPORT_H
#define OCS_FSCK_REPORT_H

/* What a run found is repaired, if that is asked for, counted and told, with the
 * images that each finding hurts. */

#include "run.h"

int ocs_report_findings(struct ocs_fsck_run *run, bool repair, struct ocs_error *err);
/* By what was told so far. */
enum ocs_status ocs_report_status(const struct ocs_fsck_run *run);
/* From here on only what is new is told. */
void ocs_report_next_round(struct ocs_tally *tally);
/* How much there is that can be verified, and the oldest stamp. */
void ocs_report_coverage(struct ocs_fsck_run *run);

#endif
