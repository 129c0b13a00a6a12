/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_LEAVINGS_H
#define OCS_STORE_LEAVINGS_H

/* What a command that takes roots away leaves unreferenced: counted for people,
 * and recorded in the graph, so that its grace begins now and not at the next gc,
 * and so that gc's breaker does not take it for an accident. */

#include "census.h"

/* What would be left if these entries alone were listed: to be told and done
 * nothing about.  In the census every entry is flagged (ocs_census_note_listed). */
int ocs_leavings_expect(struct ocs_store *store, const struct ocs_census *census,
                        const uint32_t *kept, size_t count, struct ocs_census_sum *out,
                        struct ocs_error *err);

struct ocs_leavings {
    struct ocs_store *store;
    struct ocs_census before;
};

/* Before the change.  Needs the store lock.  `indexes`: out->before has each
 * index.json, not its ids alone. */
int ocs_leavings_begin(struct ocs_store *store, bool indexes, struct ocs_leavings *out,
                       struct ocs_error *err);
/* Of a layout that is going to be unregistered: where its index.json could not be read, what
 * the last good one lists counts, and *unknown is set: it may have listed more. */
int ocs_leavings_unregister(struct ocs_leavings *leavings, const char *name, bool *unknown,
                            struct ocs_error *err);
/* After it; when it was not `changed` this only frees.  The change itself is done
 * by now: that its leavings cannot be told is a notice, no error. */
struct ocs_census_sum ocs_leavings_end(struct ocs_leavings *leavings, bool changed);

/* After a layout's folder layouts/... has gone: makes that durable, and removes the folders
 * above it that are empty now. */
int ocs_leavings_sync_above(int store_dir, const char *path, struct ocs_error *err);

#endif
