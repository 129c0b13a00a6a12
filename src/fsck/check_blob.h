/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_CHECK_BLOB_H
#define OCS_FSCK_CHECK_BLOB_H

/* Phase 4: the content of blobs is hashed in workers.  Wrong bytes are believed
 * at the end of the run, when they were read again. */

#include "schedule.h"

int ocs_check_content(struct ocs_fsck_run *run, const struct ocs_schedule *schedule,
                      struct ocs_error *err);

#endif
