/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "import.h"

#include "cleanup.h"
#include "error.h"
#include "graph_batch.h"
#include "trash.h"

#include <string.h>

/* ---- children before parents ---- */

#define VISITED 1u

struct frame {
    uint32_t place;
    uint32_t edge; /* the next one to look at */
};

/* Post-order over the needed items; a cycle (a subject may make one) is cut where
 * it is met.  An explicit stack: documents can nest deeper than ours. */
static uint32_t walk_from(struct ocs_import *import, uint32_t root, struct frame *stack,
                          uint32_t *order, uint32_t count)
{
    size_t depth = 0;
    stack[depth++] = (struct frame){.place = root};
    import->items[root]->visit |= VISITED;
    while (depth > 0) {
        struct frame *top = &stack[depth - 1];
        const struct ocs_import_item *item = import->items[top->place];
        if (top->edge == item->edge_count) {
            order[count++] = top->place;
            depth--;
            continue;
        }
        struct ocs_import_item *child = import->items[item->edges[top->edge++].place];
        if (child->needed && !(child->visit & VISITED)) {
            child->visit |= VISITED;
            stack[depth++] = (struct frame){.place = child->place};
        }
    }
    return count;
}

static int order_items(struct ocs_import *import, uint32_t **out, uint32_t *count,
                       struct ocs_error *err)
{
    uint32_t total = ocs_digest_set_count(import->set);
    auto_free struct frame *stack = malloc(((size_t)total + 1) * sizeof(*stack));
    uint32_t *order = malloc(((size_t)total + 1) * sizeof(*order));
    *out = order;
    *count = 0;
    if (!stack || !order)
        return ocs_error_memory(err);
    for (uint32_t place = 0; place < total; place++) {
        const struct ocs_import_item *item = import->items[place];
        if (item->needed && !(item->visit & VISITED))
            *count = walk_from(import, place, stack, order, *count);
    }
    return 0;
}

/* ---- names ---- */

/* What holds the name is damaged: ours is exchanged with it.  Nothing holds it any
 * more, or what came out is right: fine as well. */
static int replace(struct ocs_import *import, const struct ocs_import_item *item,
                   const struct ocs_digest *digest, struct ocs_error *err)
{
    char text[OCS_DIGEST_BUF];
    char name[16];
    struct ocs_store *store = import->store;
    ocs_import_staged_name(item, name);
    int result =
        ocs_quarantine_swap(store->state, store->blobs, digest, import->staging.dir, name, err);
    if (result == OCS_IO_ABSENT)
        return ocs_blobs_publish(store->blobs, import->staging.dir, name, digest, err);
    if (result == OCS_QUARANTINE_RIGHT)
        return 0;
    if (result == 0)
        ocs_store_notice(store,
                         "%s was damaged in the store: replaced by a good copy, the old "
                         "one is in the quarantine",
                         ocs_digest_format(digest, text));
    return result;
}

/* One attempt. Positive: the name's holder changed meanwhile. */
static int try_publish(struct ocs_import *import, struct ocs_import_item *item,
                       const struct ocs_digest *digest, struct ocs_error *err)
{
    char name[16];
    if (item->replaces)
        return replace(import, item, digest, err);
    ocs_import_staged_name(item, name);
    int result = ocs_blobs_publish(import->store->blobs, import->staging.dir, name, digest, err);
    if (result != OCS_IO_EXISTS)
        return result;
    /* somebody else's file got there first: is it right? */
    int present = ocs_import_verify_present(import, item, err);
    if (present < 0)
        return present;
    if (present == 0)
        item->state = OCS_IMPORT_REUSED;
    item->replaces = present > 0 && present != OCS_IO_ABSENT;
    return present == 0 ? 0 : OCS_IO_EXISTS;
}

static int publish_item(struct ocs_import *import, struct ocs_import_item *item,
                        struct ocs_error *err)
{
    struct ocs_digest digest;
    char text[OCS_DIGEST_BUF];
    ocs_digest_from_key(item->key, item->key_size, &digest);
    int result = OCS_IO_EXISTS;
    for (int attempt = 0; result > 0 && attempt < 100; attempt++)
        result = try_publish(import, item, &digest, err);
    if (result > 0)
        result = ocs_error_raise(err, OCS_BUSY, "somebody else keeps writing it");
    if (result == 0 && item->state == OCS_IMPORT_STAGED) {
        import->report->blobs_copied++;
        import->report->bytes_copied += item->size;
    }
    return ocs_error_context(err, result, "%s", ocs_digest_format(&digest, text));
}

/* What the graph vouches for is durable already. */
static bool is_new(const struct ocs_import_item *item)
{
    return item->state == OCS_IMPORT_STAGED || (item->state == OCS_IMPORT_REUSED && !item->trusted);
}

static bool any_is_new(const struct ocs_import *import, const uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_new(import->items[order[i]]))
            return true;
    }
    return false;
}

static int publish_all(struct ocs_import *import, const uint32_t *order, uint32_t count,
                       struct ocs_error *err)
{
    int result = any_is_new(import, order, count)
                     ? ocs_io_syncfs(import->staging.dir, "the new blobs", err)
                     : 0;
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        struct ocs_import_item *item = import->items[order[i]];
        if (item->state == OCS_IMPORT_STAGED)
            result = publish_item(import, item, err);
        if (item->state == OCS_IMPORT_REUSED)
            import->report->blobs_reused++;
    }
    return result == 0 ? ocs_blobs_sync(import->store->blobs, err) : result;
}

/* ---- the graph ---- */

/* The item's edges in the form that the graph takes. */
static int make_document(const struct ocs_import *import, const struct ocs_import_item *item,
                         struct ocs_document *out, struct ocs_error *err)
{
    *out = (struct ocs_document){.state = item->document};
    out->descriptors = calloc((size_t)item->edge_count + 1, sizeof(*out->descriptors));
    if (!out->descriptors)
        return ocs_error_memory(err);
    out->count = item->edge_count;
    for (uint32_t i = 0; i < item->edge_count; i++) {
        out->descriptors[i].role = item->edges[i].role;
        ocs_digest_set_get(import->set, item->edges[i].place, &out->descriptors[i].digest);
    }
    return 0;
}

/* A file that was not ours and changed a moment ago may change again within one
 * tick of its time stamps: no stamp then. */
static bool stamp_is_firm(const struct ocs_import_item *item, const struct ocs_stamp *now)
{
    if (item->state == OCS_IMPORT_STAGED)
        return true;
    return item->settled && ocs_stamp_equal(&item->stamp, now);
}

static int add_fact(struct ocs_import *import, struct ocs_graph_batch *batch,
                    const struct ocs_import_item *item, struct ocs_error *err)
{
    struct ocs_digest digest;
    struct ocs_document document = {0};
    struct stat st;
    ocs_digest_from_key(item->key, item->key_size, &digest);
    int result = ocs_blobs_stat(import->store->blobs, &digest, &st, err);
    if (result == 0 && item->document != OCS_DOCUMENT_OPAQUE)
        result = make_document(import, item, &document, err);
    if (result != 0)
        return result < 0 ? result : 0; /* gone again: nothing to claim */
    struct ocs_fact fact = {
        .digest = &digest,
        .document = item->document == OCS_DOCUMENT_OPAQUE ? NULL : &document,
        .stamp = ocs_stamp_of(&st),
    };
    if (stamp_is_firm(item, &fact.stamp) &&
        ocs_algorithm_verifiable(ocs_digest_algorithm(&digest))) {
        fact.result = OCS_RESULT_GOOD;
        fact.verified_at = ocs_now_s();
    }
    result = ocs_graph_batch_add(batch, &fact, err);
    free(document.descriptors);
    return result;
}

static int flush(struct ocs_import *import, struct ocs_graph_batch *batch, struct ocs_error *err)
{
    struct ocs_graph *graph = NULL;
    int result = ocs_store_graph(import->store, &graph, err);
    if (result == 0)
        result = ocs_graph_batch_flush(batch, graph, err);
    if (result != OCS_GRAPH_CORRUPT)
        return result;
    result = ocs_store_graph_rebuild(import->store, err);
    return result == 0 ? ocs_graph_batch_flush(batch, import->store->graph, err) : result;
}

static int add_facts(struct ocs_import *import, struct ocs_graph_batch *batch,
                     const uint32_t *order, uint32_t count, struct ocs_error *err)
{
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        const struct ocs_import_item *item = import->items[order[i]];
        if (is_new(item))
            result = add_fact(import, batch, item, err);
        if (result == 0 && ocs_graph_batch_count(batch) >= OCS_GRAPH_BATCH_FULL)
            result = flush(import, batch, err);
    }
    return result == 0 ? flush(import, batch, err) : result;
}

static int commit_graph(struct ocs_import *import, const uint32_t *order, uint32_t count,
                        struct ocs_error *err)
{
    struct ocs_graph_batch *batch = NULL;
    int result = ocs_graph_batch_new(&batch, err);
    if (result == 0)
        result = add_facts(import, batch, order, count, err);
    ocs_graph_batch_free(batch);
    return result;
}

int ocs_import_publish(struct ocs_import *import, struct ocs_error *err)
{
    auto_free uint32_t *order = NULL;
    uint32_t count = 0;
    int result = order_items(import, &order, &count, err);
    if (result == 0 && count > 0)
        result = publish_all(import, order, count, err);
    if (result == 0 && count > 0)
        result = commit_graph(import, order, count, err);
    return result > 0 ? ocs_error_raise(err, OCS_FAILED, "the graph is damaged") : result;
}
