/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_TESTS_GRAPH_PLACE_H
#define OCS_TESTS_GRAPH_PLACE_H

/* A graph in a temporary folder: <place>/graph under <place>/graph.lock. */

#include "store/graph.h"

#include "place.h"

/* One `struct ocs_graph_options` with what it borrows. */
struct graph_place {
    int dir;
    int lock;
    char path[8192];
};

static inline void graph_place_open(struct place *place, struct graph_place *out)
{
    place_mkdirs(place, "graph");
    out->dir = openat(place->fd, "graph", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    out->lock = openat(place->fd, "graph.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(out->dir >= 0 && out->lock >= 0);
    snprintf(out->path, sizeof(out->path), "%s", place_path(place, "graph"));
}

static inline void graph_place_close(struct graph_place *at)
{
    close(at->dir);
    close(at->lock);
}

static inline int graph_try_open(struct graph_place *at, bool create, struct ocs_graph **out,
                                 struct ocs_error *err)
{
    struct ocs_graph_options options = {
        .dir_fd = at->dir,
        .path = at->path,
        .lock_fd = at->lock,
        .create = create,
    };
    return ocs_graph_open(&options, out, err);
}

static inline struct ocs_graph *graph_open(struct graph_place *at)
{
    struct ocs_graph *graph = NULL;
    struct ocs_error err = {0};
    int result = graph_try_open(at, true, &graph, &err);
    if (result != 0)
        fail_msg("open: %d %s", result, err.message);
    return graph;
}

static inline struct ocs_graph_txn *graph_begin(struct ocs_graph *graph, bool write)
{
    struct ocs_graph_txn *txn = NULL;
    struct ocs_error err = {0};
    int result = ocs_graph_begin(graph, write, &txn, &err);
    if (result != 0)
        fail_msg("begin: %d %s", result, err.message);
    return txn;
}

static inline void graph_commit(struct ocs_graph_txn *txn)
{
    struct ocs_error err = {0};
    int result = ocs_graph_commit(txn, &err);
    if (result != 0)
        fail_msg("commit: %d %s", result, err.message);
}

/* A digest made of a number; their order is not that of the numbers. */
static inline struct ocs_digest graph_digest(uint32_t number)
{
    unsigned char raw[32];
    uint32_t x = number * 2654435761u + 1;
    for (int i = 0; i < 32; i += 4) {
        memcpy(raw + i, &x, 4);
        x = x * 1664525u + 1013904223u;
    }
    memcpy(raw + 28, &number, 4);
    struct ocs_digest digest;
    ocs_digest_from_raw(OCS_ALGORITHM_SHA256, raw, &digest);
    return digest;
}

static inline uint32_t graph_intern(struct ocs_graph_txn *txn, uint32_t number)
{
    struct ocs_digest digest = graph_digest(number);
    uint32_t id = UINT32_MAX;
    assert_int_equal(ocs_graph_intern(txn, &digest, &id, NULL), 0);
    return id;
}

/* `count` nodes; every tenth is a document whose children are the nine after it. */
static inline void graph_fill(struct ocs_graph *graph, uint32_t count)
{
    struct ocs_graph_txn *txn = graph_begin(graph, true);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(graph_intern(txn, i), i);
    for (uint32_t i = 0; i + 9 < count; i += 10) {
        struct ocs_node node;
        struct ocs_child children[9];
        for (uint32_t j = 0; j < 9; j++)
            children[j] = (struct ocs_child){.id = i + 1 + j, .role = OCS_ROLE_LAYER};
        assert_int_equal(ocs_graph_get_node(txn, i, &node, NULL), 0);
        node.kind = OCS_NODE_DOCUMENT;
        node.size = i;
        assert_int_equal(ocs_graph_put_node(txn, &node, NULL), 0);
        assert_int_equal(ocs_graph_put_children(txn, i, children, 9, NULL), 0);
    }
    graph_commit(txn);
}

#endif
