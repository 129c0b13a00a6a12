/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_HISTORY_H
#define OCS_STORE_HISTORY_H

/* When gc and fsck came to an end the last time, and how.  For people: kept in the
 * graph, and lost with it. */

#include "store.h"

enum ocs_history_of { OCS_HISTORY_GC, OCS_HISTORY_FSCK };

struct ocs_history {
    int64_t ended; /* seconds since 1970; 0: not known */
    enum ocs_status status;
    enum ocs_fsck_extent extent; /* of fsck */
};

/* What keeps it from being written is nobody's trouble. */
void ocs_history_write(struct ocs_store *store, enum ocs_history_of of,
                       const struct ocs_history *history);
/* Positive: OCS_GRAPH_CORRUPT. */
int ocs_history_read(struct ocs_store *store, enum ocs_history_of of, struct ocs_history *out,
                     struct ocs_error *err);

#endif
