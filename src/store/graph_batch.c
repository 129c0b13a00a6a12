/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "graph_batch.h"

#include "cleanup.h"
#include "error.h"

#include <endian.h>
#include <string.h>

#define NO_DIGEST UINT32_MAX

/* Digests stand as indexes of `digests` until they are flushed. */
struct edge {
    uint32_t digest;
    uint8_t role;
};

/* Kept small: fsck collects as many as half of the graph has. */
struct learned {
    struct ocs_stamp stamp;
    int64_t verified_at;
    size_t first_edge;
    uint32_t edge_count;
    uint32_t digest; /* NO_DIGEST: the id is known */
    uint32_t id;     /* else while it is flushed */
    bool contents;   /* kind and edges are known, not only a verification */
    bool suspect;
    uint8_t kind;   /* enum ocs_node_kind */
    uint8_t flags;  /* enum ocs_node_flag */
    uint8_t result; /* enum ocs_node_result */
};

struct ocs_graph_batch {
    struct ocs_digest_set *digests;
    struct learned *facts; /* in order of arrival */
    uint32_t fact_count, fact_capacity;
    struct edge *edges;
    size_t edge_count, edge_capacity;
};

int ocs_graph_batch_new(struct ocs_graph_batch **out, struct ocs_error *err)
{
    auto_free struct ocs_graph_batch *batch = calloc(1, sizeof(*batch));
    if (!batch)
        return ocs_error_memory(err);
    int result = ocs_digest_set_new(&batch->digests, err);
    if (result == 0)
        *out = TAKE_PTR(batch);
    return result;
}

void ocs_graph_batch_free(struct ocs_graph_batch *batch)
{
    if (!batch)
        return;
    ocs_digest_set_free(batch->digests);
    free(batch->facts);
    free(batch->edges);
    free(batch);
}

uint32_t ocs_graph_batch_count(const struct ocs_graph_batch *batch)
{
    return batch->fact_count;
}

/* ---- adding ---- */

static int reserve_fact(struct ocs_graph_batch *batch, struct ocs_error *err)
{
    if (batch->fact_count < batch->fact_capacity)
        return 0;
    uint32_t capacity = batch->fact_capacity * 2 + 64;
    struct learned *grown = realloc(batch->facts, capacity * sizeof(*grown));
    if (!grown)
        return ocs_error_memory(err);
    batch->facts = grown;
    batch->fact_capacity = capacity;
    return 0;
}

static int reserve_edges(struct ocs_graph_batch *batch, size_t more, struct ocs_error *err)
{
    if (batch->edge_count + more <= batch->edge_capacity)
        return 0;
    size_t capacity = batch->edge_capacity * 2 + more;
    struct edge *grown = realloc(batch->edges, capacity * sizeof(*grown));
    if (!grown)
        return ocs_error_memory(err);
    batch->edges = grown;
    batch->edge_capacity = capacity;
    return 0;
}

static int index_of(struct ocs_graph_batch *batch, const struct ocs_digest *digest, uint32_t *index,
                    struct ocs_error *err)
{
    int result = ocs_digest_set_add(batch->digests, digest, index, err);
    return result < 0 ? result : 0;
}

static int add_edges(struct ocs_graph_batch *batch, const struct ocs_document *document,
                     struct learned *fact, struct ocs_error *err)
{
    int result = reserve_edges(batch, document->count, err);
    fact->first_edge = batch->edge_count;
    fact->edge_count = (uint32_t)document->count;
    for (size_t i = 0; i < document->count && result == 0; i++) {
        struct edge *edge = &batch->edges[batch->edge_count + i];
        edge->role = (uint8_t)document->descriptors[i].role;
        result = index_of(batch, &document->descriptors[i].digest, &edge->digest, err);
    }
    if (result == 0)
        batch->edge_count += document->count;
    return result;
}

static int add_fact(struct ocs_graph_batch *batch, const struct ocs_digest *digest,
                    struct learned *fact, struct ocs_error *err)
{
    int result = index_of(batch, digest, &fact->digest, err);
    if (result == 0)
        batch->facts[batch->fact_count++] = *fact;
    return result;
}

int ocs_graph_batch_add(struct ocs_graph_batch *batch, const struct ocs_fact *fact,
                        struct ocs_error *err)
{
    const struct ocs_document *document = fact->document;
    if (document && document->state == OCS_DOCUMENT_OPAQUE)
        document = NULL;
    struct learned learned = {
        .contents = true,
        .suspect = document && document->state != OCS_DOCUMENT_STRICT,
        .kind = document ? OCS_NODE_DOCUMENT : OCS_NODE_OPAQUE,
        .flags = fact->flags,
        .result = fact->result,
        .verified_at = fact->verified_at,
        .stamp = fact->stamp,
    };
    int result = reserve_fact(batch, err);
    if (result == 0 && document)
        result = add_edges(batch, document, &learned, err);
    return result == 0 ? add_fact(batch, fact->digest, &learned, err) : result;
}

int ocs_graph_batch_verified(struct ocs_graph_batch *batch, const struct ocs_digest *digest,
                             const struct ocs_stamp *stamp, enum ocs_node_result result,
                             int64_t verified_at, struct ocs_error *err)
{
    struct learned learned = {.stamp = *stamp, .result = result, .verified_at = verified_at};
    int reserved = reserve_fact(batch, err);
    return reserved == 0 ? add_fact(batch, digest, &learned, err) : reserved;
}

int ocs_graph_batch_verified_id(struct ocs_graph_batch *batch, uint32_t id,
                                const struct ocs_stamp *stamp, enum ocs_node_result result,
                                int64_t verified_at, struct ocs_error *err)
{
    int reserved = reserve_fact(batch, err);
    if (reserved == 0)
        batch->facts[batch->fact_count++] = (struct learned){
            .digest = NO_DIGEST,
            .id = id,
            .stamp = *stamp,
            .result = result,
            .verified_at = verified_at,
        };
    return reserved;
}

/* ---- flush: ids ---- */

struct ranked {
    uint64_t prefix; /* the first bytes of the key, so that most comparisons end here */
    uint32_t index;
};

static int compare_ranked(const void *a, const void *b, void *data)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    struct ocs_digest left;
    struct ocs_digest right;
    ocs_digest_set_get(data, x->index, &left);
    ocs_digest_set_get(data, y->index, &right);
    return ocs_digest_compare(&left, &right);
}

static int rank(const struct ocs_digest_set *digests, struct ranked **out, struct ocs_error *err)
{
    uint32_t count = ocs_digest_set_count(digests);
    struct ranked *ranked = malloc(((size_t)count + 1) * sizeof(*ranked));
    if (!ranked)
        return ocs_error_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        struct ocs_digest digest;
        uint64_t prefix = 0;
        ocs_digest_set_get(digests, i, &digest);
        memcpy(&prefix, digest.key, digest.size < 8 ? digest.size : 8);
        ranked[i] = (struct ranked){.prefix = be64toh(prefix), .index = i};
    }
    qsort_r(ranked, count, sizeof(*ranked), compare_ranked, (void *)(uintptr_t)digests);
    *out = ranked;
    return 0;
}

/* In digest order: the pages of `ids` are filled one after the other. */
static int intern_all(struct ocs_graph_txn *txn, const struct ocs_digest_set *digests,
                      uint32_t *ids, struct ocs_error *err)
{
    auto_free struct ranked *ranked = NULL;
    int result = rank(digests, &ranked, err);
    uint32_t count = ocs_digest_set_count(digests);
    for (uint32_t i = 0; i < count && result == 0; i++) {
        struct ocs_digest digest;
        ocs_digest_set_get(digests, ranked[i].index, &digest);
        result = ocs_graph_intern(txn, &digest, &ids[ranked[i].index], err);
    }
    return result;
}

/* ---- flush: nodes and children ---- */

/*
 * Edges say what must be kept, so that only a reading that is known to be right
 * may take any away:
 *
 *   verified good   what was read replaces what was known
 *   not verified    is added to what was known; alone when nothing was
 *   verified bad    says nothing of the digest's own content: kind and edges stay,
 *                   and what another reading of the same file takes for edges is
 *                   no better; that it looks opaque may be said
 */
enum merge {
    MERGE_KEEP,
    MERGE_ADD,
    MERGE_REPLACE,
};

static enum merge merge_of(const struct ocs_node *node, const struct learned *fact)
{
    if (!fact->contents)
        return MERGE_KEEP;
    if (fact->verified_at && fact->result == OCS_RESULT_BAD)
        return MERGE_KEEP;
    if (fact->verified_at && fact->result == OCS_RESULT_GOOD)
        return MERGE_REPLACE;
    if (fact->kind == OCS_NODE_DOCUMENT && node->result == OCS_RESULT_BAD &&
        ocs_stamp_equal(&node->stamp, &fact->stamp))
        return MERGE_KEEP;
    return node->kind == OCS_NODE_UNREAD ? MERGE_REPLACE : MERGE_ADD;
}

static int compare_children(const void *a, const void *b)
{
    const struct ocs_child *x = a;
    const struct ocs_child *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->role - y->role;
}

static uint32_t sort_unique(struct ocs_child *children, uint32_t count)
{
    if (count == 0)
        return 0;
    qsort(children, count, sizeof(*children), compare_children);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++) {
        if (compare_children(&children[i], &children[kept - 1]) != 0)
            children[kept++] = children[i];
    }
    return kept;
}

static int write_children(struct ocs_graph_txn *txn, const struct learned *fact,
                          const struct edge *edges, const uint32_t *ids, bool add,
                          struct ocs_error *err)
{
    struct ocs_children known = {0};
    int result = add ? ocs_graph_get_children(txn, fact->id, &known, err) : 0;
    if (result < 0 || result == OCS_GRAPH_CORRUPT)
        return result;
    if (result == OCS_GRAPH_NONE)
        known.count = 0;
    auto_free struct ocs_child *children =
        malloc(((size_t)fact->edge_count + known.count + 1) * sizeof(*children));
    if (!children)
        return ocs_error_memory(err);
    uint32_t count = 0;
    for (uint32_t i = 0; i < fact->edge_count; i++, count++)
        children[count] = (struct ocs_child){.id = ids[edges[i].digest], .role = edges[i].role};
    for (uint32_t i = 0; i < known.count; i++, count++)
        children[count] = ocs_children_get(&known, i);
    count = sort_unique(children, count);
    return ocs_graph_put_children(txn, fact->id, children, count, err);
}

static void verify_node(struct ocs_node *node, const struct learned *fact)
{
    if (fact->verified_at) {
        node->result = fact->result;
        node->verified_at = fact->verified_at;
    } else if (!ocs_stamp_equal(&node->stamp, &fact->stamp)) {
        node->result = OCS_RESULT_NONE;
        node->verified_at = 0;
    }
    node->stamp = fact->stamp;
    node->size = fact->stamp.size;
}

static void describe_node(struct ocs_node *node, const struct learned *fact, enum merge merge)
{
    if (merge == MERGE_REPLACE) {
        node->kind = fact->kind;
        node->flags &= ~(unsigned)OCS_NODE_SUSPECT;
    } else if (merge == MERGE_ADD && fact->kind == OCS_NODE_DOCUMENT) {
        node->kind = OCS_NODE_DOCUMENT;
    }
    if (merge != MERGE_KEEP && fact->suspect)
        node->flags |= OCS_NODE_SUSPECT;
    node->flags |= fact->flags;
}

static int apply(struct ocs_graph_txn *txn, const struct learned *fact, const struct edge *edges,
                 const uint32_t *ids, struct ocs_error *err)
{
    struct ocs_node node;
    int result = ocs_graph_get_node(txn, fact->id, &node, err);
    if (result != 0)
        return result;
    enum merge merge = merge_of(&node, fact);
    describe_node(&node, fact, merge);
    verify_node(&node, fact);
    if (merge != MERGE_KEEP && fact->kind == OCS_NODE_DOCUMENT)
        result = write_children(txn, fact, edges, ids, merge == MERGE_ADD, err);
    return result == 0 ? ocs_graph_put_node(txn, &node, err) : result;
}

/* By id; what came later stays later. */
static int compare_order(const void *a, const void *b)
{
    const struct learned *const *x = a;
    const struct learned *const *y = b;
    if ((*x)->id != (*y)->id)
        return (*x)->id < (*y)->id ? -1 : 1;
    return (*x > *y) - (*x < *y);
}

static int apply_all(struct ocs_graph_batch *batch, struct ocs_graph_txn *txn, const uint32_t *ids,
                     struct ocs_error *err)
{
    auto_free struct learned **order = malloc(((size_t)batch->fact_count + 1) * sizeof(*order));
    if (!order)
        return ocs_error_memory(err);
    for (uint32_t i = 0; i < batch->fact_count; i++) {
        order[i] = &batch->facts[i];
        if (order[i]->digest != NO_DIGEST)
            order[i]->id = ids[order[i]->digest];
    }
    qsort(order, batch->fact_count, sizeof(struct learned *), compare_order);
    int result = 0;
    for (uint32_t i = 0; i < batch->fact_count && result == 0; i++)
        result = apply(txn, order[i], batch->edges + order[i]->first_edge, ids, err);
    return result;
}

static int commit_all(struct ocs_graph_batch *batch, struct ocs_graph *graph, struct ocs_error *err)
{
    auto_free uint32_t *ids =
        malloc(((size_t)ocs_digest_set_count(batch->digests) + 1) * sizeof(*ids));
    if (!ids)
        return ocs_error_memory(err);
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    int result = ocs_graph_begin(graph, true, &txn, err);
    if (result == 0)
        result = intern_all(txn, batch->digests, ids, err);
    if (result == 0)
        result = apply_all(batch, txn, ids, err);
    return result == 0 ? ocs_graph_commit(TAKE_PTR(txn), err) : result;
}

int ocs_graph_batch_flush(struct ocs_graph_batch *batch, struct ocs_graph *graph,
                          struct ocs_error *err)
{
    if (batch->fact_count == 0)
        return 0;
    struct ocs_digest_set *empty;
    int result = ocs_digest_set_new(&empty, err);
    if (result < 0)
        return result;
    result = commit_all(batch, graph, err);
    if (result < 0 && ocs_graph_full(graph))
        result = commit_all(batch, graph, err);
    if (result != 0) {
        ocs_digest_set_free(empty);
        return result;
    }
    ocs_digest_set_free(batch->digests);
    batch->digests = empty;
    batch->fact_count = 0;
    batch->edge_count = 0;
    return 0;
}
