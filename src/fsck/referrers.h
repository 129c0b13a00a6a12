/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_REFERRERS_H
#define OCS_FSCK_REFERRERS_H

/* Documents that nothing lists, but whose subject is reachable, are kept, and so
 * is what they reach: to a fix-point.  Not those that an index.json listed once. */

#include "inventory.h"

int ocs_referrers_keep(struct ocs_inventory *inventory, struct ocs_error *err);

#endif
