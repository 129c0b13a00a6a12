/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_CHECK_SIZES_H
#define OCS_FSCK_CHECK_SIZES_H

/* After the presence of all that is referenced: sizes that descriptors say, and that
 * files have. */

#include "run.h"

int ocs_check_sizes(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
