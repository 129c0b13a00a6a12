/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_CHECK_ROOTS_H
#define OCS_FSCK_CHECK_ROOTS_H

/* Phase 2: every layout's oci-layout and index.json; their entries become the
 * roots of the inventory. */

#include "run.h"

int ocs_check_roots(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
