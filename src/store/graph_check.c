/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "graph.h"

#include "cleanup.h"
#include "error.h"
#include "graph_tables.h"

#include <string.h>

/* A scan of `ids` fills `keys` with where each id's digest lies in the map; the
 * scan of `nodes` finds the same digest there.  Both are dense and there are as
 * many of the one as of the other, so that the two agree in both directions. */
struct checking {
    struct ocs_slice *keys; /* by id */
    uint32_t count;
    uint32_t next;
};

static int check_id(void *data, struct ocs_slice key, struct ocs_slice value, struct ocs_error *err)
{
    (void)err;
    struct checking *checking = data;
    uint32_t id;
    if (!ocs_digest_key_valid(key.bytes, key.size) ||
        ocs_record_decode_id(key.bytes, key.size, value.bytes, value.size, &id) != 0)
        return OCS_GRAPH_CORRUPT;
    if (id >= checking->count || checking->keys[id].bytes)
        return OCS_GRAPH_CORRUPT;
    checking->keys[id] = key;
    return 0;
}

static int check_node(void *data, struct ocs_slice key, struct ocs_slice value,
                      struct ocs_error *err)
{
    (void)err;
    struct checking *checking = data;
    struct ocs_node node;
    uint32_t id;
    if (!ocs_table_id(key, &id) || id != checking->next || id >= checking->count ||
        ocs_record_decode_node(id, value.bytes, value.size, &node) != 0)
        return OCS_GRAPH_CORRUPT;
    const struct ocs_slice *expected = &checking->keys[id];
    if (expected->size != node.digest.size ||
        memcmp(expected->bytes, node.digest.key, node.digest.size) != 0)
        return OCS_GRAPH_CORRUPT;
    checking->next++;
    return 0;
}

static int check_agreement(struct ocs_graph_txn *txn, struct ocs_error *err)
{
    struct checking checking = {.count = ocs_graph_count(txn)};
    auto_free struct ocs_slice *keys = calloc((size_t)checking.count + 1, sizeof(*keys));
    if (!keys)
        return ocs_error_memory(err);
    checking.keys = keys;
    int result = ocs_graph_scan(txn, OCS_TABLE_IDS, &checking, check_id, err);
    if (result == 0)
        result = ocs_graph_scan(txn, OCS_TABLE_NODES, &checking, check_node, err);
    return result == 0 && checking.next != checking.count ? OCS_GRAPH_CORRUPT : result;
}

int ocs_graph_check(struct ocs_graph_txn *txn, struct ocs_error *err)
{
    struct ocs_graph_view view;
    int result = ocs_graph_load(txn, &view, err);
    if (result != 0)
        return result;
    ocs_graph_view_clear(&view);
    return check_agreement(txn, err);
}
