/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_FOLDER_H
#define OCS_FSCK_FOLDER_H

/* The names in blobs/, read in one go while something else is waited for, and
 * looked up later, many at once.  Memory: the key and 3 bytes a blob. */

#include "run.h"

/* What comes after it is not seen: nobody's orphan yet. */
int ocs_folder_read(struct ocs_fsck_run *run, struct ocs_error *err);
/* The names become blobs of the inventory that lie on the disk; strangers are reported. */
int ocs_folder_take(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
