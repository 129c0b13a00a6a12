/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_LAST_GOOD_H
#define OCS_FSCK_LAST_GOOD_H

/* An index.json that fsck has read as good is the last good one from then on
 * (roots/<id>.json), as after a gc. */

#include "store/store.h"

/* Not when a lock is not to be had at once, when `index` is not what `dir` holds any
 * more, or when the last good one lists an image that it does not: whether that may
 * be forgotten is gc's to say, which counts what goes with it. */
void ocs_last_good_keep(struct ocs_store *store, const struct ocs_root *root, int dir,
                        const struct ocs_index *index);

#endif
