/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_FOLDER_H
#define OCS_FSCK_FOLDER_H

/* The names in blobs/, read in one go while something else is waited for.  Memory
 * until they are taken: the key and about 20 bytes a blob. */

#include "run.h"

/* What comes after it is not seen: nobody's orphan yet. */
int ocs_folder_read(struct ocs_fsck_run *run, struct ocs_error *err);
/* The names become blobs of the inventory, in the order of their inodes, in which they
 * are read fastest; strangers are reported.  Once, while the inventory is empty. */
int ocs_folder_take(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
