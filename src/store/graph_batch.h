/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_GRAPH_BATCH_H
#define OCS_STORE_GRAPH_BATCH_H

/* Collects what was learned of blobs and commits it to the graph sorted, in few
 * large transactions. */

#include "digest_set.h"
#include "graph.h"

struct ocs_graph_batch;

int ocs_graph_batch_new(struct ocs_graph_batch **out, struct ocs_error *err);
void ocs_graph_batch_free(struct ocs_graph_batch *batch);

/* One blob that was opened.  The digests of its edges come from `document`
 * (NULL: opaque).  `verified_at` 0 leaves result and time of an older record
 * alone when its stamp is the same, and clears them when it is another.
 *
 * Edges say what must be kept: only what was verified good replaces kind and
 * edges that are known.  What was not verified adds to them.  What is bad leaves
 * them as they were, whoever reads that same file: nobody knows what the digest
 * refers to.  That it looks opaque is taken from a reading without a result. */
struct ocs_fact {
    const struct ocs_digest *digest;
    const struct ocs_document *document;
    struct ocs_stamp stamp;
    unsigned flags; /* enum ocs_node_flag, added to what is there */
    enum ocs_node_result result;
    int64_t verified_at;
};
int ocs_graph_batch_add(struct ocs_graph_batch *batch, const struct ocs_fact *fact,
                        struct ocs_error *err);
/* Verification alone, of a blob that is known already: edges and kind stay. */
int ocs_graph_batch_verified(struct ocs_graph_batch *batch, const struct ocs_digest *digest,
                             const struct ocs_stamp *stamp, enum ocs_node_result result,
                             int64_t verified_at, struct ocs_error *err);
/* The same by the graph's id, which is good in every copy of one graph. */
int ocs_graph_batch_verified_id(struct ocs_graph_batch *batch, uint32_t id,
                                const struct ocs_stamp *stamp, enum ocs_node_result result,
                                int64_t verified_at, struct ocs_error *err);

/* Blobs added and not yet flushed; flush at 65,536 and at the end. */
#define OCS_GRAPH_BATCH_FULL 65536u
uint32_t ocs_graph_batch_count(const struct ocs_graph_batch *batch);
/* One write transaction. Positive: OCS_GRAPH_CORRUPT.  The batch is empty after success. */
int ocs_graph_batch_flush(struct ocs_graph_batch *batch, struct ocs_graph *graph,
                          struct ocs_error *err);

#endif
