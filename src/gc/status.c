/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */

/* How a store is: ocs_store_status.  Looks at it as a dry run of gc does. */

#include "leftovers.h"
#include "survey.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/graph_tables.h"
#include "store/history.h"
#include "store/trash.h"

#include <stdio.h>

struct status {
    struct ocs_store *store;
    struct ocs_store_status *out;
    struct ocs_survey survey;
};

/* ---- layouts and blobs ---- */

static void count_layouts(struct status *status)
{
    const struct ocs_census *census = &status->survey.census;
    status->out->layouts = census->layout_count;
    for (size_t i = 0; i < census->layout_count; i++) {
        status->out->images += census->layouts[i].count;
        status->out->troubled_layouts += census->layouts[i].state != OCS_LAYOUT_GOOD;
    }
}

static void count_blobs(struct status *status)
{
    const struct ocs_survey *survey = &status->survey;
    struct ocs_store_status *out = status->out;
    struct ocs_census_sum live = ocs_census_sum(&survey->census, survey->mark.bits, OCS_MARK_LIVE);
    out->live_blobs = live.blobs;
    out->live_bytes = live.bytes;
    out->garbage_blobs = survey->plan.due;
    out->garbage_bytes = survey->plan.due_bytes;
    out->waiting_blobs = survey->plan.waiting;
    out->waiting_bytes = survey->plan.waiting_bytes;
    out->left_alone = survey->census.strangers + survey->plan.left;
}

/* Where gc refuses, what can be seen counts, and the reason is told. */
static int look(struct status *status, struct ocs_error *err)
{
    const struct ocs_gc_options defaults = OCS_GC_OPTIONS_INIT;
    struct ocs_survey_options options = {.now = ocs_now_s(), .grace_s = defaults.grace_s};
    struct ocs_survey *survey = &status->survey;
    struct ocs_error error = {0};
    int result = ocs_survey_take(status->store, &options, survey, &error);
    if (result == -OCS_REFUSED && survey->census.present) {
        snprintf(status->out->refuses, sizeof(status->out->refuses), "%s", error.message);
        result = 0;
        if (!survey->mark.bits)
            result = ocs_mark_take(&survey->census, NULL, 0, &survey->mark, &error);
    }
    if (result) {
        if (err)
            *err = error;
        return result;
    }
    count_layouts(status);
    count_blobs(status);
    return 0;
}

/* Of other tools, whether they go now or later. */
static int count_temporaries(struct status *status, struct ocs_error *err)
{
    const struct ocs_gc_options defaults = OCS_GC_OPTIONS_INIT;
    struct ocs_leftovers_options options = {.now = ocs_now_s(), .grace_s = defaults.grace_s};
    struct ocs_leftovers found = {0};
    int result = ocs_leftovers_find(status->store, &status->survey.census, &options, &found, err);
    status->out->temporary_files = found.due + found.waiting;
    status->out->temporary_bytes = found.due_bytes + found.waiting_bytes;
    status->out->left_alone += found.others;
    ocs_leftovers_clear(&found);
    return result;
}

/* ---- verifications ---- */

/* A good copy may have taken the place of what was rehashed. */
static bool is_bad(const struct status *status, const struct ocs_node *node)
{
    struct stat st;
    if (node->result != OCS_RESULT_BAD ||
        ocs_blobs_stat(status->store->blobs, &node->digest, &st, NULL) != 0)
        return false;
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    return ocs_stamp_equal(&stamp, &node->stamp);
}

static int note_verified(void *data, struct ocs_slice key, struct ocs_slice value,
                         struct ocs_error *err)
{
    struct status *status = data;
    struct ocs_node node;
    uint32_t id;
    (void)err;
    if (!ocs_table_id(key, &id) || ocs_record_decode_node(id, value.bytes, value.size, &node) != 0)
        return OCS_GRAPH_CORRUPT;
    if (id >= status->survey.census.view.count || !status->survey.census.present[id])
        return 0;
    if (!ocs_algorithm_verifiable(ocs_digest_algorithm(&node.digest)))
        return 0;
    status->out->bad_blobs += is_bad(status, &node);
    if (node.verified_at == 0)
        status->out->never_verified++;
    else if (node.verified_at < status->out->oldest_verified)
        status->out->oldest_verified = node.verified_at;
    return 0;
}

static int find_oldest(struct status *status, struct ocs_error *err)
{
    struct ocs_graph *graph = NULL;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    status->out->oldest_verified = INT64_MAX;
    int result = ocs_store_graph(status->store, &graph, err);
    if (result == 0)
        result = ocs_graph_begin(graph, false, &txn, err);
    if (result == 0)
        result = ocs_graph_scan(txn, OCS_TABLE_NODES, status, note_verified, err);
    if (status->out->never_verified || status->out->oldest_verified == INT64_MAX)
        status->out->oldest_verified = 0;
    return result;
}

/* ---- what was taken away ---- */

static int on_quarantine(void *data, const char *run, const char *path,
                         const struct ocs_digest *digest, const struct stat *st,
                         struct ocs_error *err)
{
    struct ocs_store_status *out = data;
    (void)run;
    (void)path;
    (void)digest;
    (void)err;
    out->quarantine_files++;
    out->quarantine_bytes += ocs_blob_frees(st);
    return 0;
}

static int look_away(struct status *status, struct ocs_error *err)
{
    struct ocs_trash_visitor quarantine = {.data = status->out, .on_entry = on_quarantine};
    int result = ocs_trash_measure(status->store->state, &status->out->trash_files,
                                   &status->out->trash_bytes, err);
    return result ? result : ocs_quarantine_each(status->store->state, &quarantine, err);
}

/* ---- the past ---- */

static int look_back(struct status *status, struct ocs_error *err)
{
    struct ocs_history gc, fsck;
    int result = ocs_history_read(status->store, OCS_HISTORY_GC, &gc, err);
    if (result == 0)
        result = ocs_history_read(status->store, OCS_HISTORY_FSCK, &fsck, err);
    if (result)
        return result;
    status->out->last_gc = gc.ended;
    status->out->last_gc_status = gc.status;
    status->out->last_fsck = fsck.ended;
    status->out->last_fsck_status = fsck.status;
    status->out->last_fsck_extent = fsck.extent;
    return 0;
}

OCS_PUBLIC int ocs_store_status(struct ocs_store *store, struct ocs_store_status *out,
                                struct ocs_error *err)
{
    struct status status = {.store = store, .out = out};
    *out = (struct ocs_store_status){0};
    int result = look(&status, err);
    if (result == 0)
        result = count_temporaries(&status, err);
    if (result == 0)
        result = find_oldest(&status, err);
    if (result == 0)
        result = look_away(&status, err);
    if (result == 0)
        result = look_back(&status, err);
    ocs_survey_clear(&status.survey);
    return result > 0 ? ocs_error_raise(err, OCS_FAILED, "the graph is damaged") : result;
}
