/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_KEPT_H
#define OCS_FSCK_KEPT_H

/* Documents that nothing lists, but whose subject is reachable, are kept, and so
 * is what they reach: to a fix-point.  Not those that an index.json listed once. */

#include "inventory.h"

int ocs_kept_referrers(struct ocs_inventory *inventory, struct ocs_error *err);

/* From the roots, over the edges that are known, and the referrers of all that. */
int ocs_kept_again(struct ocs_inventory *inventory, struct ocs_error *err);

#endif
