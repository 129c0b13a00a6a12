/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_MEND_LAYOUT_H
#define OCS_FSCK_MEND_LAYOUT_H

/* The files of a layout: oci-layout is written anew, index.json is put together
 * from what still begins it and the last good copy in roots/.  The bad file is
 * kept beside, as index.json.damaged.<time>. */

#include "mend.h"

/* As for ocs_mend_blob. */
int ocs_mend_index(struct ocs_mender *mender, const struct ocs_fsck_place *place,
                   struct ocs_error *err);
/* Entries of roots/ that are damaged, from the layouts in the store. */
int ocs_mend_roots(struct ocs_mender *mender, struct ocs_error *err);
/* Entries without a valid digest; LEFT as well when every one has one. */
int ocs_mend_entries(struct ocs_mender *mender, const struct ocs_fsck_place *place,
                     struct ocs_error *err);
int ocs_mend_layout_file(struct ocs_mender *mender, const struct ocs_fsck_place *place,
                         struct ocs_error *err);

#endif
