/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_RESTORE_LIST_H
#define OCS_STORE_RESTORE_LIST_H

/* Brings back what an old list of a layout named: one that rm left in the trash, or the
 * last good one of roots/, for a list that no command of ours has cut short. */

#include "merge.h"

/* What its entries need comes back from the trash first.  `outcome` as for
 * ocs_merge_missing; NULL: into the place of a folder that is gone. */
int ocs_restore_list(struct ocs_store *store, const char *layout, const struct ocs_index *old,
                     struct ocs_merge_outcome *outcome, struct ocs_error *err);

/* The last good list of a layout whose folder is gone, or is none (*gone), or whose index.json does
 * not list all of it now; an attached layout has to be there, and an index.json that cannot be read
 * is fsck's to mend.  Take it with ocs_index_clear. Positive: OCS_RESTORE_NOTHING,
 * OCS_ROOTS_DAMAGED. */
#define OCS_RESTORE_NOTHING 1
int ocs_restore_last(struct ocs_store *store, const char *layout, struct ocs_index *out, bool *gone,
                     struct ocs_error *err);

#endif
