/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_FSCK_CHECK_GRAPH_H
#define OCS_FSCK_CHECK_GRAPH_H

/* Phases 1 and 6: the graph is whole; it says what the disk says. */

#include "run.h"

#include "store/record.h"

/* Walks the graph in a child process, which a damaged map may kill, then loads
 * what it knows of every blob.  A corrupt one is reported and not used.
 * Before that the names in blobs/ become blobs, also where there is no graph. */
int ocs_check_graph_open(struct ocs_fsck_run *run, struct ocs_error *err);

/* The graph's record belongs to the file that is there. */
bool ocs_check_graph_knows(const struct ocs_blob_state *state);

/* The edges that the graph remembers of a blob whose bytes are gone or wrong;
 * `id` is the blob in the inventory.  None: *count 0. */
int ocs_check_graph_children(struct ocs_fsck_run *run, uint32_t blob, struct ocs_child **children,
                             uint32_t *count, struct ocs_error *err);

/* What the graph lacks or has wrong is reported, and mended in passing. */
int ocs_check_graph(struct ocs_fsck_run *run, struct ocs_error *err);

#endif
