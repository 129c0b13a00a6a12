/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_CHECK_LAYER_H
#define OCS_FSCK_CHECK_LAYER_H

/* --deep: layers are decompressed in workers, and their plain bytes hashed
 * (config.md, "rootfs.diff_ids"; layer.md). */

#include "run.h"

int ocs_check_layers(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
