/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "results.h"

#include "store/beside.h"
#include "store/cleanup.h"
#include "store/error.h"
#include "store/graph_batch.h"

#define FLUSH_SECONDS 30

struct ocs_results {
    struct ocs_graph_batch *collected;
    struct ocs_graph_batch *written; /* by the task; else empty */
    struct ocs_graph *graph;         /* that it is written to */
    struct ocs_beside *task;         /* NULL: nothing is being written */
    int64_t flushed_at;
};

int ocs_results_open(struct ocs_fsck_run *run, struct ocs_error *err)
{
    struct ocs_results *results = calloc(1, sizeof(*results));
    if (!results)
        return ocs_error_memory(err);
    run->results = results;
    results->flushed_at = ocs_now_s();
    int r = ocs_graph_batch_new(&results->collected, err);
    if (r == 0)
        r = ocs_graph_batch_new(&results->written, err);
    if (r < 0)
        ocs_results_close(run);
    return r;
}

void ocs_results_close(struct ocs_fsck_run *run)
{
    struct ocs_results *results = TAKE_PTR(run->results);
    if (!results)
        return;
    if (results->task)
        ocs_beside_end(results->task, NULL);
    ocs_graph_batch_free(results->collected);
    ocs_graph_batch_free(results->written);
    free(results);
}

/* ---- into the graph ---- */

static int write_batch(void *data, struct ocs_error *err)
{
    struct ocs_results *results = data;
    return ocs_graph_batch_flush(results->written, results->graph, err);
}

/* The graph's file cannot be written, but a copy of it can. */
static int write_to_copy(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int r = ocs_store_graph(run->store, &run->graph, err);
    return r == 0 ? ocs_graph_batch_flush(run->results->written, run->graph, err) : r;
}

static int lose_graph(struct ocs_fsck_run *run, struct ocs_error *err)
{
    bool replaced = ocs_graph_replaced(run->graph);
    run->graph = NULL; /* the next import or gc builds a new one */
    if (replaced)      /* somebody removed it, or built a new one */
        return 0;
    return ocs_fsck_blame_file(run, "graph-corrupt", ".ocistore/graph/data.mdb",
                               "a record failed its check while results were written", err);
}

static int after_write(struct ocs_fsck_run *run, int r, struct ocs_error *err)
{
    if (r == -OCS_FAILED && ocs_store_graph_leave(run->store, NULL) == 0)
        r = write_to_copy(run, err);
    return r == OCS_GRAPH_CORRUPT ? lose_graph(run, err) : r;
}

int ocs_results_settle(struct ocs_fsck_run *run, struct ocs_error *err)
{
    if (!run->results || !run->results->task)
        return 0;
    return after_write(run, ocs_beside_end(TAKE_PTR(run->results->task), err), err);
}

/* What was collected becomes what is written, once the batch before is. */
static int hand_over(struct ocs_fsck_run *run, struct ocs_error *err)
{
    struct ocs_results *results = run->results;
    int r = ocs_results_settle(run, err);
    if (r < 0 || !run->graph)
        return r;
    struct ocs_graph_batch *empty = results->written;
    results->written = results->collected;
    results->collected = empty;
    results->graph = run->graph;
    results->flushed_at = ocs_now_s();
    return 0;
}

/* Results come in another order than they lie in the graph, so that each batch writes
 * most of its pages: twice, however many there are. */
static uint32_t enough(const struct ocs_fsck_run *run)
{
    uint32_t half = run->graph_count / 2;
    return half > OCS_GRAPH_BATCH_FULL ? half : OCS_GRAPH_BATCH_FULL;
}

static int flush_when_due(struct ocs_fsck_run *run, struct ocs_error *err)
{
    struct ocs_results *results = run->results;
    if (ocs_graph_batch_count(results->collected) < enough(run) &&
        ocs_now_s() - results->flushed_at < FLUSH_SECONDS)
        return 0;
    int r = hand_over(run, err);
    if (r < 0 || !run->graph)
        return r;
    return ocs_beside_begin(write_batch, results, &results->task, err);
}

int ocs_results_flush(struct ocs_fsck_run *run, struct ocs_error *err)
{
    struct ocs_results *results = run->results;
    int r = ocs_results_settle(run, err);
    if (r < 0 || !run->graph || !results || ocs_graph_batch_count(results->collected) == 0)
        return r;
    r = hand_over(run, err);
    return r < 0 ? r : after_write(run, write_batch(results, err), err);
}

/* ---- collecting ---- */

int ocs_results_learn(struct ocs_fsck_run *run, uint32_t blob, const struct ocs_document *document,
                      const struct ocs_stamp *stamp, struct ocs_error *err)
{
    if (!run->graph)
        return 0;
    const struct ocs_blob_state *state = &run->inventory.blobs[blob];
    struct ocs_digest digest;
    ocs_inventory_digest(&run->inventory, blob, &digest);
    bool certain = (state->flags & OCS_BLOB_VERIFIED) && (state->flags & OCS_BLOB_SETTLED);
    struct ocs_fact fact = {
        .digest = &digest,
        .document = document,
        .stamp = *stamp,
        .flags = document && document->state != OCS_DOCUMENT_STRICT ? OCS_NODE_SUSPECT : 0,
        .result = certain ? OCS_RESULT_GOOD : OCS_RESULT_NONE,
        .verified_at = certain ? run->now : 0,
    };
    int r = ocs_graph_batch_add(run->results->collected, &fact, err);
    return r < 0 ? r : flush_when_due(run, err);
}

static int note_verified(struct ocs_fsck_run *run, uint32_t blob, const struct ocs_stamp *stamp,
                         enum ocs_node_result result, struct ocs_error *err)
{
    struct ocs_graph_batch *batch = run->results->collected;
    uint32_t id = run->inventory.blobs[blob].graph_id;
    struct ocs_digest digest;
    if (id != OCS_NO_BLOB)
        return ocs_graph_batch_verified_id(batch, id, stamp, result, run->now, err);
    ocs_inventory_digest(&run->inventory, blob, &digest);
    return ocs_graph_batch_verified(batch, &digest, stamp, result, run->now, err);
}

int ocs_results_stamp(struct ocs_fsck_run *run, uint32_t blob, const struct ocs_stamp *stamp,
                      bool good, bool settled, struct ocs_error *err)
{
    if (!run->graph || (good && !settled)) /* what is bad may change unseen: no harm is done */
        return 0;
    int r = note_verified(run, blob, stamp, good ? OCS_RESULT_GOOD : OCS_RESULT_BAD, err);
    return r < 0 ? r : flush_when_due(run, err);
}
