/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_CHECK_ORPHANS_H
#define OCS_FSCK_CHECK_ORPHANS_H

/* Phase 5: what lies in blobs/, and what of it no index.json reaches. */

#include "run.h"

/* Blobs that lie there and that nothing reached are looked at, and referrers of reachable subjects
 * become reachable. */
int ocs_check_disk(struct ocs_fsck_run *run, struct ocs_error *err);
/* Reports orphans; once every edge is known. */
int ocs_check_orphans(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
