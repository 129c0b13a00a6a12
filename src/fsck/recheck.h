/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_RECHECK_H
#define OCS_FSCK_RECHECK_H

/* Before anything is called missing, empty or of a wrong size: others work in the
 * store meanwhile.  What came or changed is read once more, and in flux when it is
 * not right yet; what no index.json lists any more may have been swept. */

#include "run.h"

int ocs_recheck(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
