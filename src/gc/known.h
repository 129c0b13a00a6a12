/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_KNOWN_H
#define OCS_GC_KNOWN_H

/* What gc remembers in the graph between its runs: since when a blob is
 * unreferenced, what was live or listed once, when the last run ended.  Only
 * what changed is written, sorted, in one transaction.
 *
 * Each function may return the positive OCS_GRAPH_CORRUPT. */

#include "mark.h"

/* After a complete mark, and only then.  Present and unreferenced: since `now`,
 * unless it was so before; live: not unreferenced; gone: as if never seen. */
int ocs_known_write(struct ocs_store *store, const struct ocs_census *census,
                    const struct ocs_mark *mark, int64_t now, struct ocs_error *err);

/* These are gone: should they come back, they begin anew. Sorts `ids`. */
int ocs_known_swept(struct ocs_store *store, uint32_t *ids, size_t count, struct ocs_error *err);

/* For the positive OCS_GRAPH_CORRUPT of a run that has begun: no sweep goes on with
 * what a damaged graph said.  Begins a new one and returns OCS_FAILED. */
int ocs_known_corrupt(struct ocs_store *store, struct ocs_error *err);

/* Seconds since 1970; 0: no run has ended yet. */
int ocs_known_last_run(struct ocs_store *store, int64_t *out, struct ocs_error *err);
int ocs_known_ended(struct ocs_store *store, int64_t now, struct ocs_error *err);

#endif
