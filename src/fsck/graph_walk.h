/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_GRAPH_WALK_H
#define OCS_FSCK_GRAPH_WALK_H

/* Reads every record of the graph in a child process: a damaged data.mdb can
 * make LMDB abort, loop or run into SIGBUS, and must not take us with it. */

#include "store/store.h"

#define OCS_GRAPH_WALK_BAD 1

struct ocs_graph_walk {
    pid_t child;
    struct ocs_error *said; /* shared with it: why it could not */
};

/* Before there are any threads; whoever began it has to end it. */
int ocs_graph_walk_begin(const struct ocs_store *store, struct ocs_graph_walk *out,
                         struct ocs_error *err);
/* 0: whole, or there is none. Positive OCS_GRAPH_WALK_BAD with *trouble (a fixed string). */
int ocs_graph_walk_end(struct ocs_graph_walk *walk, const char **trouble, struct ocs_error *err);

#endif
