/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "history.h"

#include "cleanup.h"

#define BYTES 9 /* ended, status */

static const char *const names[] = {
    [OCS_HISTORY_GC] = "history.gc",
    [OCS_HISTORY_FSCK] = "history.fsck",
};

/* Of its own, since the others have a fixed size. */
#define EXTENT "history.fsck.extent"

static void encode(const struct ocs_history *history, unsigned char out[BYTES])
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (unsigned char)((uint64_t)history->ended >> (8 * i));
    out[8] = (unsigned char)history->status;
}

static struct ocs_history decode(const unsigned char bytes[BYTES])
{
    uint64_t ended = 0;
    for (unsigned i = 0; i < 8; i++)
        ended |= (uint64_t)bytes[i] << (8 * i);
    return (struct ocs_history){.ended = (int64_t)ended, .status = (enum ocs_status)bytes[8]};
}

void ocs_history_write(struct ocs_store *store, enum ocs_history_of of,
                       const struct ocs_history *history)
{
    struct ocs_graph *graph = NULL;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    unsigned char bytes[BYTES];
    unsigned char extent = (unsigned char)history->extent;
    encode(history, bytes);
    if (ocs_store_graph(store, &graph, NULL) == 0 &&
        ocs_graph_begin(graph, true, &txn, NULL) == 0 &&
        ocs_graph_put_meta(txn, names[of], bytes, sizeof(bytes), NULL) == 0 &&
        (of != OCS_HISTORY_FSCK || ocs_graph_put_meta(txn, EXTENT, &extent, 1, NULL) == 0))
        ocs_graph_commit(TAKE_PTR(txn), NULL);
}

int ocs_history_read(struct ocs_store *store, enum ocs_history_of of, struct ocs_history *out,
                     struct ocs_error *err)
{
    struct ocs_graph *graph = NULL;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    unsigned char bytes[BYTES];
    *out = (struct ocs_history){0};
    int result = ocs_store_graph(store, &graph, err);
    if (result == 0)
        result = ocs_graph_begin(graph, false, &txn, err);
    if (result == 0)
        result = ocs_graph_get_meta(txn, names[of], bytes, sizeof(bytes), err);
    if (result == 0)
        *out = decode(bytes);
    unsigned char extent = OCS_FSCK_EXTENT_UNKNOWN;
    if (result == 0 && of == OCS_HISTORY_FSCK)
        result = ocs_graph_get_meta(txn, EXTENT, &extent, 1, err);
    out->extent = (enum ocs_fsck_extent)extent;
    return result == OCS_GRAPH_NONE ? 0 : result;
}
