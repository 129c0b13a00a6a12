/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_SELECTION_H
#define OCS_FSCK_SELECTION_H

/* What --image asks for; everything when it is not given. */

#include "run.h"

bool ocs_selection_has_layout(const struct ocs_fsck_run *run, const char *layout);
/* NAME, NAME:TAG, NAME@DIGEST; in a plain layout also TAG and DIGEST. */
bool ocs_selection_has_entry(const struct ocs_fsck_run *run, const char *layout, const char *ref,
                             const struct ocs_digest *digest);

#endif
