/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_BREAKER_H
#define OCS_GC_BREAKER_H

/* How much of what was needed once a plan would take away, without a command of
 * ours having asked for it.  What was live is known from the graph, and from the
 * last good index.json of each layout, so that a lost graph forgets nothing. */

#include "plan.h"

struct ocs_breaker {
    uint64_t was_live;  /* bytes that were live then and are in blobs/ */
    uint64_t due_bytes; /* of these: unreferenced, and due in this run */
    uint64_t due_blobs;
    uint64_t waiting_bytes; /* of these: unreferenced, and waiting */
    /* Layouts whose last good index.json listed some of what is due: how many, and the
     * first of them, the census's. */
    size_t shorter;
    const char *layout;
};

/* Positive: OCS_GRAPH_CORRUPT. */
int ocs_breaker_take(struct ocs_store *store, const struct ocs_census *census,
                     const struct ocs_plan *plan, struct ocs_breaker *out, struct ocs_error *err);

/* `bytes` are more than `percent` of what was live. */
bool ocs_breaker_exceeds(const struct ocs_breaker *breaker, uint64_t bytes, unsigned percent);
/* OCS_REFUSED, with the value to pass, when what is due exceeds `percent`. */
int ocs_breaker_check(const struct ocs_breaker *breaker, unsigned percent, struct ocs_error *err);

#endif
