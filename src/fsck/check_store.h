/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_CHECK_STORE_H
#define OCS_FSCK_CHECK_STORE_H

/* Phase 0: the store's own folder; and what lies in its trash and quarantine. */

#include "run.h"

/* The marker is there, blobs/ and .ocistore/ are on one file system.
 * Positive OCS_CHECK_STORE_NONE: without its marker nothing else can be read. */
#define OCS_CHECK_STORE_NONE 1
int ocs_check_store(struct ocs_fsck_run *run, struct ocs_error *err);

/* What something references, is not in blobs/ and lies in the trash or the
 * quarantine; what an ended process of ours left in tmp/. */
int ocs_check_state(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
