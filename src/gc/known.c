/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "known.h"

#include "store/cleanup.h"
#include "store/error.h"

#define LAST_RUN "last_run"

static int begin(struct ocs_store *store, bool write, struct ocs_graph_txn **txn,
                 struct ocs_error *err)
{
    struct ocs_graph *graph;
    int result = ocs_store_graph(store, &graph, err);
    return result ? result : ocs_graph_begin(graph, write, txn, err);
}

/* ---- after a mark ---- */

struct memory {
    unsigned flags;
    int64_t since;
};

static struct memory remember(const struct ocs_census *census, const struct ocs_mark *mark,
                              uint32_t id, int64_t now)
{
    unsigned flags = census->view.flags[id];
    int64_t since = census->view.unreferenced_since[id];
    bool live = ocs_mark_has(mark, id, OCS_MARK_LIVE);
    if (ocs_mark_has(mark, id, OCS_MARK_LISTED))
        flags |= OCS_NODE_WAS_LISTED;
    if (live) {
        flags &= ~(unsigned)OCS_NODE_REMOVED_BY_US;
        flags |= census->present[id] ? OCS_NODE_WAS_LIVE : 0u;
        return (struct memory){flags, 0};
    }
    if (census->present[id])
        return (struct memory){flags, since ? since : now};
    flags &= ~(unsigned)(OCS_NODE_WAS_LIVE | OCS_NODE_REMOVED_BY_US);
    return (struct memory){flags, 0};
}

static bool differs(const struct ocs_census *census, uint32_t id, struct memory memory)
{
    return memory.flags != census->view.flags[id] ||
           memory.since != census->view.unreferenced_since[id];
}

/* What a command has noted there since the census stays: it knows more than the mark. */
static int put(struct ocs_graph_txn *txn, const struct ocs_census *census, uint32_t id,
               struct memory memory, struct ocs_error *err)
{
    struct ocs_node node;
    unsigned changed = memory.flags ^ census->view.flags[id];
    int result = ocs_graph_get_node(txn, id, &node, err);
    if (result)
        return result;
    node.flags = (node.flags & ~changed) | (memory.flags & changed);
    if (node.unreferenced_since == census->view.unreferenced_since[id])
        node.unreferenced_since = memory.since;
    return ocs_graph_put_node(txn, &node, err);
}

int ocs_known_write(struct ocs_store *store, const struct ocs_census *census,
                    const struct ocs_mark *mark, int64_t now, struct ocs_error *err)
{
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    for (uint32_t id = 0; id < mark->count; id++) {
        struct memory memory = remember(census, mark, id, now);
        if (!differs(census, id, memory))
            continue;
        int result = txn ? 0 : begin(store, true, &txn, err);
        if (result == 0)
            result = put(txn, census, id, memory, err);
        if (result)
            return result;
    }
    return txn ? ocs_graph_commit(TAKE_PTR(txn), err) : 0;
}

/* ---- after a sweep ---- */

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int forget(struct ocs_graph_txn *txn, uint32_t id, struct ocs_error *err)
{
    struct ocs_node node;
    int result = ocs_graph_get_node(txn, id, &node, err);
    if (result)
        return result;
    node.flags &= ~(unsigned)(OCS_NODE_WAS_LIVE | OCS_NODE_REMOVED_BY_US);
    node.unreferenced_since = 0;
    return ocs_graph_put_node(txn, &node, err);
}

int ocs_known_swept(struct ocs_store *store, uint32_t *ids, size_t count, struct ocs_error *err)
{
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    if (count == 0)
        return 0;
    qsort(ids, count, sizeof(*ids), compare_ids);
    int result = begin(store, true, &txn, err);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = forget(txn, ids[i], err);
    return result ? result : ocs_graph_commit(TAKE_PTR(txn), err);
}

int ocs_known_corrupt(struct ocs_store *store, struct ocs_error *err)
{
    int result = ocs_store_graph_rebuild(store, err);
    return result ? result
                  : ocs_error_raise(err, OCS_FAILED,
                                    "the graph turned out to be damaged and is built anew: run it "
                                    "again");
}

/* ---- the last run ---- */

int ocs_known_last_run(struct ocs_store *store, int64_t *out, struct ocs_error *err)
{
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    unsigned char bytes[8];
    *out = 0;
    int result = begin(store, false, &txn, err);
    if (result == 0)
        result = ocs_graph_get_meta(txn, LAST_RUN, bytes, sizeof(bytes), err);
    if (result == OCS_GRAPH_NONE)
        return 0;
    if (result)
        return result;
    uint64_t value = 0;
    for (unsigned i = 0; i < sizeof(bytes); i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    *out = (int64_t)value;
    return 0;
}

int ocs_known_ended(struct ocs_store *store, int64_t now, struct ocs_error *err)
{
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    unsigned char bytes[8];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)((uint64_t)now >> (8 * i));
    int result = begin(store, true, &txn, err);
    if (result == 0)
        result = ocs_graph_put_meta(txn, LAST_RUN, bytes, sizeof(bytes), err);
    return result ? result : ocs_graph_commit(TAKE_PTR(txn), err);
}
