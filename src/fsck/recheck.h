/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_RECHECK_H
#define OCS_FSCK_RECHECK_H

/* Before anything is called missing: others work in the store meanwhile.  What
 * came back is there; what no index.json lists any more may have been swept. */

#include "run.h"

int ocs_recheck(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
