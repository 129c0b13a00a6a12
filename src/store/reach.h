/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_REACH_H
#define OCS_STORE_REACH_H

/* Walks over what a census knows, from many starting points with one set-up. */

#include "census.h"

struct ocs_reach; /* borrows the census */

/* With `referrers`, from a document to those that have it as subject, too, unless
 * they were listed once and are no longer (WAS_LISTED). */
int ocs_reach_new(const struct ocs_census *census, bool referrers, struct ocs_reach **out,
                  struct ocs_error *err);
void ocs_reach_free(struct ocs_reach *reach);

/* Asks `enter` for every node met; where it says true, goes on from there.  It must
 * say true at most once for a node within one call.  No recursion. */
void ocs_reach_from(struct ocs_reach *reach, const uint32_t *ids, size_t count, void *data,
                    bool (*enter)(void *data, uint32_t id));

/* Those that have `id` as subject. */
const uint32_t *ocs_reach_referrers(const struct ocs_reach *reach, uint32_t id, size_t *count);

/* Who owns what: the one starting point that reaches a node, or that several do. */
#define OCS_OWNER_NONE   UINT32_MAX
#define OCS_OWNER_SHARED (UINT32_MAX - 1)
/* Adds owner `number` with its starting points to `owners` (view.count entries, at
 * first NONE).  In all linear, however many owners there are. */
void ocs_reach_own(struct ocs_reach *reach, const uint32_t *ids, size_t count, uint32_t number,
                   uint32_t *owners);

#endif
