/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_REPAIR_H
#define OCS_FSCK_REPAIR_H

/* --repair: for each finding what can be done about it, and what a person can do. */

#include "affects.h"
#include "run.h"

/* Whether there is something that a repair tries for such a finding. */
bool ocs_repair_may_help(const char *id);
/* Whether the file of a blob is kept from us, and not its bytes by the disk: no repair helps. */
bool ocs_repair_denied(const struct ocs_fsck_run *run, uint32_t blob);

/* Goes over the sorted findings; each that was corrected is marked so. */
int ocs_repair(struct ocs_fsck_run *run, struct ocs_affects *affects, struct ocs_error *err);

#endif
