/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "leavings.h"

#include "cleanup.h"
#include "error.h"
#include "listing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int reach(const struct ocs_census *census, uint8_t **live, struct ocs_error *err)
{
    *live = calloc((size_t)census->view.count + 1, 1);
    return *live ? ocs_census_reach_listed(census, *live, 1, err) : ocs_error_memory(err);
}

/* As gc will count it. */
static int count_freed(const struct ocs_store *store, const struct ocs_census *census, uint32_t id,
                       struct ocs_census_sum *sum, struct ocs_error *err)
{
    struct ocs_digest digest;
    struct stat st;
    if (!census->present[id])
        return 0;
    ocs_census_digest(census, id, &digest);
    if (!ocs_algorithm_verifiable(ocs_digest_algorithm(&digest)))
        return 0;
    int result = ocs_blobs_stat(store->blobs, &digest, &st, err);
    if (result)
        return result < 0 ? result : 0;
    sum->blobs++;
    sum->bytes += ocs_blob_frees(&st);
    return 0;
}

int ocs_leavings_expect(struct ocs_store *store, const struct ocs_census *census,
                        const uint32_t *kept, size_t count, struct ocs_census_sum *out,
                        struct ocs_error *err)
{
    auto_free uint8_t *was = NULL;
    auto_free uint8_t *is = calloc((size_t)census->view.count + 1, 1);
    *out = (struct ocs_census_sum){0};
    int result = is ? reach(census, &was, err) : ocs_error_memory(err);
    if (result == 0)
        result = ocs_census_reach(census, kept, count, true, is, 1, err);
    for (uint32_t id = 0; result == 0 && id < census->view.count; id++) {
        if (was[id] && !is[id])
            result = count_freed(store, census, id, out, err);
    }
    return result;
}

/* Their grace begins now. */
static int record_garbage(struct ocs_store *store, const struct ocs_census *before,
                          const uint8_t *was, const uint8_t *is, struct ocs_census_sum *sum,
                          struct ocs_error *err)
{
    struct ocs_graph *graph = NULL;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    int result = ocs_store_graph(store, &graph, err);
    if (result == 0)
        result = ocs_graph_begin(graph, true, &txn, err);
    for (uint32_t id = 0; result == 0 && id < before->view.count; id++) {
        struct ocs_node node;
        if (!was[id] || is[id])
            continue;
        result = count_freed(store, before, id, sum, err);
        if (result == 0)
            result = ocs_graph_get_node(txn, id, &node, err);
        if (result)
            break;
        node.flags |= (before->view.flags[id] & OCS_NODE_WAS_LISTED) | OCS_NODE_REMOVED_BY_US;
        node.unreferenced_since = ocs_now_s();
        result = ocs_graph_put_node(txn, &node, err);
    }
    if (result == 0) {
        result = ocs_graph_commit(txn, err);
        txn = NULL;
    }
    return result;
}

/* Ids are never reused, so that the two censuses can be compared by id; a graph
 * that was rebuilt in between is another matter, and not worth a claim. */
static int compare(struct ocs_leavings *leavings, struct ocs_census *after,
                   struct ocs_census_sum *sum, struct ocs_error *err)
{
    auto_free uint8_t *was = NULL;
    auto_free uint8_t *is = NULL;
    struct ocs_census *before = &leavings->before;
    if (after->view.count < before->view.count)
        return ocs_error_raise(err, OCS_FAILED, "the graph was built anew meanwhile");
    ocs_census_note_listed(before);
    for (uint32_t id = 0; id < before->view.count; id++)
        after->view.flags[id] |= before->view.flags[id] & OCS_NODE_WAS_LISTED;
    int result = reach(before, &was, err);
    if (result == 0)
        result = reach(after, &is, err);
    if (result == 0)
        result = record_garbage(leavings->store, before, was, is, sum, err);
    return result;
}

int ocs_leavings_begin(struct ocs_store *store, bool indexes, struct ocs_leavings *out,
                       struct ocs_error *err)
{
    out->store = store;
    return indexes ? ocs_census_take(store, 0, &out->before, err)
                   : ocs_census_take_ids(store, 0, &out->before, err);
}

static int take_last(struct ocs_leavings *leavings, struct ocs_census_layout *layout,
                     const struct ocs_document *document, struct ocs_error *err)
{
    auto_free struct ocs_census_entry *entries = calloc(document->count + 1, sizeof(*entries));
    if (!entries)
        return ocs_error_memory(err);
    for (size_t i = 0; i < document->count; i++) {
        int result = ocs_census_find(leavings->store, &leavings->before,
                                     &document->descriptors[i].digest, &entries[i].id, err);
        if (result != 0)
            return result;
    }
    free(layout->entries);
    layout->entries = TAKE_PTR(entries);
    layout->count = document->count;
    return 0;
}

int ocs_leavings_unregister(struct ocs_leavings *leavings, const char *name, bool *unknown,
                            struct ocs_error *err)
{
    struct ocs_roots_place place = ocs_store_roots_place(leavings->store);
    struct ocs_census_layout *layout = ocs_census_find_layout(&leavings->before, name);
    auto_bytes struct ocs_bytes bytes = {0};
    auto_index struct ocs_index index = {0};
    if (!layout || layout->state == OCS_LAYOUT_GOOD)
        return 0;
    *unknown = true;
    int result = ocs_roots_last_index(&place, name, &bytes, err);
    if (result == 0)
        result = ocs_index_parse(&bytes, &index, err);
    if (result == 0)
        result = take_last(leavings, layout, &index.document, err);
    return result < 0 ? result : 0;
}

struct ocs_census_sum ocs_leavings_end(struct ocs_leavings *leavings, bool changed)
{
    struct ocs_census after;
    struct ocs_error error = {0};
    struct ocs_census_sum sum = {0};
    int result = changed ? ocs_census_take_ids(leavings->store, 0, &after, &error) : 0;
    if (result == 0 && changed) {
        result = compare(leavings, &after, &sum, &error);
        ocs_listing_remember(leavings->store, &after);
        ocs_census_clear(&after);
    }
    if (result != 0)
        ocs_store_notice(leavings->store, "what the next gc frees is not known: %s", error.message);
    ocs_census_clear(&leavings->before);
    return sum;
}

int ocs_leavings_sync_above(int store_dir, const char *path, struct ocs_error *err)
{
    char parent[OCS_LAYOUT_NAME_MAX + 32];
    struct stat st;
    snprintf(parent, sizeof(parent), "%s", path);
    do
        *strrchr(parent, '/') = '\0';
    while (strchr(parent, '/') && fstatat(store_dir, parent, &st, AT_SYMLINK_NOFOLLOW) < 0);
    int result = ocs_io_sync_dir(store_dir, parent, parent, err);
    while (result == 0 && strchr(parent, '/')) {
        if (ocs_io_rmdir(store_dir, parent, parent, NULL) != 0)
            break;
        *strrchr(parent, '/') = '\0';
    }
    return result;
}
