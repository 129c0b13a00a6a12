/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "run.h"

#include "store/error.h"
#include "store/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_SECONDS 30
#define DAY_NS        (INT64_C(86400) * 1000000000)

int ocs_fsck_run_init(struct ocs_fsck_run *run, struct ocs_error *err)
{
    run->flushed_at = ocs_now_s();
    run->began_ns = ocs_now_ns();
    run->now = (uint32_t)run->flushed_at;
    ocs_findings_init(&run->findings, &run->inventory);
    return ocs_inventory_init(&run->inventory, err);
}

void ocs_fsck_run_clear(struct ocs_fsck_run *run)
{
    for (size_t i = 0; i < run->place_count; i++) {
        free(run->places[i].name);
        free(run->places[i].prefix);
    }
    free(run->places);
    free(run->layout_name);
    free(run->graph_blobs);
    if (run->batch)
        ocs_graph_batch_free(run->batch);
    ocs_findings_clear(&run->findings);
    ocs_inventory_clear(&run->inventory);
    if (run->owns_blobs && run->blobs)
        ocs_blobs_close(run->blobs);
    if (run->layout_dir >= 0)
        close(run->layout_dir);
}

bool ocs_fsck_cancelled(const struct ocs_fsck_run *run)
{
    return run->hooks && run->hooks->cancelled && run->hooks->cancelled(run->hooks->data);
}

unsigned ocs_fsck_threads(const struct ocs_fsck_run *run)
{
    return run->options->jobs ? run->options->jobs : ocs_processors();
}

int ocs_fsck_blame_blob(struct ocs_fsck_run *run, const char *id, uint32_t blob,
                        const char *message, struct ocs_error *err)
{
    struct ocs_finding_note note = {
        .id = id,
        .severity = ocs_finding_severity(id),
        .blob = blob,
        .message = message,
    };
    return ocs_findings_add(&run->findings, &note, err);
}

int ocs_fsck_blame_file(struct ocs_fsck_run *run, const char *id, const char *path,
                        const char *message, struct ocs_error *err)
{
    struct ocs_finding_note note = {
        .id = id,
        .severity = ocs_finding_severity(id),
        .blob = OCS_NO_BLOB,
        .path = path,
        .message = message,
    };
    return ocs_findings_add(&run->findings, &note, err);
}

int ocs_fsck_blame_flux(struct ocs_fsck_run *run, uint32_t blob, const struct ocs_stamp *stamp,
                        struct ocs_error *err)
{
    bool old = ocs_now_ns() - stamp->mtime_ns > DAY_NS;
    struct ocs_finding_note note = {
        .id = "blob-in-flux",
        .severity = old ? OCS_SEVERITY_WARNING : OCS_SEVERITY_INFO,
        .blob = blob,
    };
    return ocs_findings_add(&run->findings, &note, err);
}

enum ocs_severity ocs_fsck_damage_severity(const struct ocs_fsck_run *run, uint32_t blob)
{
    bool needed = run->inventory.blobs[blob].flags & OCS_BLOB_REACHABLE;
    return needed ? OCS_SEVERITY_ERROR : OCS_SEVERITY_WARNING;
}

/* ---- for the graph ---- */

static int flush_when_due(struct ocs_fsck_run *run, struct ocs_error *err)
{
    if (ocs_graph_batch_count(run->batch) < OCS_GRAPH_BATCH_FULL &&
        ocs_now_s() - run->flushed_at < FLUSH_SECONDS)
        return 0;
    return ocs_fsck_flush(run, err);
}

int ocs_fsck_learn(struct ocs_fsck_run *run, uint32_t blob, const struct ocs_document *document,
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
    int r = ocs_graph_batch_add(run->batch, &fact, err);
    return r < 0 ? r : flush_when_due(run, err);
}

static int note_verified(struct ocs_fsck_run *run, uint32_t blob, const struct ocs_stamp *stamp,
                         enum ocs_node_result result, struct ocs_error *err)
{
    uint32_t id = run->inventory.blobs[blob].graph_id;
    struct ocs_digest digest;
    if (id != OCS_NO_BLOB)
        return ocs_graph_batch_verified_id(run->batch, id, stamp, result, run->now, err);
    ocs_inventory_digest(&run->inventory, blob, &digest);
    return ocs_graph_batch_verified(run->batch, &digest, stamp, result, run->now, err);
}

int ocs_fsck_stamp(struct ocs_fsck_run *run, uint32_t blob, const struct ocs_stamp *stamp,
                   bool good, bool settled, struct ocs_error *err)
{
    if (!run->graph || !settled)
        return 0;
    int r = note_verified(run, blob, stamp, good ? OCS_RESULT_GOOD : OCS_RESULT_BAD, err);
    return r < 0 ? r : flush_when_due(run, err);
}

static int flush(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int r = ocs_graph_batch_flush(run->batch, run->graph, err);
    if (r != -OCS_FAILED || ocs_store_graph_leave(run->store, NULL) != 0)
        return r;
    r = ocs_store_graph(run->store, &run->graph, err);
    return r == 0 ? ocs_graph_batch_flush(run->batch, run->graph, err) : r;
}

int ocs_fsck_flush(struct ocs_fsck_run *run, struct ocs_error *err)
{
    run->flushed_at = ocs_now_s();
    if (!run->graph || !run->batch || ocs_graph_batch_count(run->batch) == 0)
        return 0;
    int r = flush(run, err);
    if (r != OCS_GRAPH_CORRUPT)
        return r;
    if (ocs_graph_replaced(run->graph)) { /* somebody removed it, or built a new one */
        run->graph = NULL;
        return 0;
    }
    run->graph = NULL; /* the next import or gc builds a new one */
    return ocs_fsck_blame_file(run, "graph-corrupt", ".ocistore/graph/data.mdb",
                               "a record failed its check while results were written", err);
}
