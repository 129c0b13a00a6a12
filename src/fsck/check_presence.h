/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_CHECK_PRESENCE_H
#define OCS_FSCK_CHECK_PRESENCE_H

/* The end of phase 3: what is referenced and is not there. */

#include "run.h"

int ocs_check_presence(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
