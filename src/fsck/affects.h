/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_AFFECTS_H
#define OCS_FSCK_AFFECTS_H

/* Which images does a blob hurt: the entries of any index.json that reach it, or
 * the subject of a document that does.
 * Made once all edges are known, when the first finding asks. */

#include "inventory.h"

struct ocs_affects;

#define OCS_AFFECTS_LISTED 10

struct ocs_affects_list {
    uint32_t roots[OCS_AFFECTS_LISTED]; /* places in the inventory's `roots`, ascending */
    size_t count;
    uint64_t total;
};

/* `inventory` is borrowed and must not change any more. */
int ocs_affects_new(const struct ocs_inventory *inventory, struct ocs_affects **out,
                    struct ocs_error *err);
void ocs_affects_free(struct ocs_affects *affects);

/* An image is hurt by damage in what refers to it (its signature, its SBOM).  What
 * refers is not hurt by the loss of its subject, unless nothing else leads to that. */
void ocs_affects_of(struct ocs_affects *affects, uint32_t blob, struct ocs_affects_list *out);

#endif
