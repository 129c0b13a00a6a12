/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_HEAL_H
#define OCS_STORE_HEAL_H

/* What any index references, is not in blobs/, and lies in the trash or the
 * quarantine and verifies, goes back.  Every import, gc and repair begins so. */

#include "census.h"

/* Needs the store lock. *healed counts the blobs.  Cheap when nothing lies there. */
int ocs_heal(struct ocs_store *store, uint64_t *healed, struct ocs_error *err);

/* The same for a caller who looks at the whole store next: the look that was taken
 * is left in *census (ocs_census_take_ids), unless something came back by it or
 * nothing lies there.  *census is zeros before. */
int ocs_heal_and_look(struct ocs_store *store, struct ocs_census *census, uint64_t *healed,
                      struct ocs_error *err);

/* The same for what an index references that is about to be listed: children come
 * back before anything leads to them. */
int ocs_heal_for(struct ocs_store *store, const struct ocs_document *index, uint64_t *healed,
                 struct ocs_error *err);

#endif
