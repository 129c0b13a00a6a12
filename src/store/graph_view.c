/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "graph.h"

#include "cleanup.h"
#include "error.h"
#include "graph_tables.h"

#include <string.h>

/* While it is filled: `next` is the node, or the parent, that comes next. */
struct loading {
    struct ocs_graph_view view;
    uint32_t next;
    uint32_t edges;
    uint32_t capacity; /* of view.children */
};

static int allocate(struct ocs_graph_view *view, uint32_t count, struct ocs_error *err)
{
    size_t n = count ? count : 1;
    *view = (struct ocs_graph_view){
        .count = count,
        .kind = malloc(n),
        .flags = malloc(n),
        .size = malloc(n * sizeof(*view->size)),
        .unreferenced_since = malloc(n * sizeof(*view->unreferenced_since)),
        .first = malloc((n + 1) * sizeof(*view->first)),
        .children = malloc(sizeof(*view->children)),
    };
    if (view->kind && view->flags && view->size && view->unreferenced_since && view->first &&
        view->children)
        return 0;
    ocs_graph_view_clear(view);
    return ocs_error_memory(err);
}

static int load_node(void *data, struct ocs_slice key, struct ocs_slice value,
                     struct ocs_error *err)
{
    (void)err;
    struct loading *loading = data;
    struct ocs_graph_view *view = &loading->view;
    struct ocs_node_state node;
    uint32_t id;
    if (!ocs_table_id(key, &id) || id != loading->next || id >= view->count ||
        ocs_record_decode_state(id, value.bytes, value.size, &node) != 0)
        return OCS_GRAPH_CORRUPT;
    view->kind[id] = node.kind;
    view->flags[id] = node.flags;
    view->size[id] = node.size;
    view->unreferenced_since[id] = node.unreferenced_since;
    loading->next++;
    return 0;
}

/* `more` was counted in a record that passed its check, so it cannot be absurd. */
static int reserve(struct loading *loading, uint32_t more, struct ocs_error *err)
{
    uint64_t needed = (uint64_t)loading->edges + more;
    if (needed <= loading->capacity)
        return 0;
    if (needed > UINT32_MAX)
        return ocs_error_raise(err, OCS_FAILED, "graph: too many edges");
    uint64_t wanted = (uint64_t)loading->capacity * 2 + 1024;
    uint32_t capacity = (uint32_t)(wanted < needed ? needed : wanted);
    if (wanted > UINT32_MAX)
        capacity = UINT32_MAX;
    struct ocs_child *grown = realloc(loading->view.children, (size_t)capacity * sizeof(*grown));
    if (!grown)
        return ocs_error_memory(err);
    loading->view.children = grown;
    loading->capacity = capacity;
    return 0;
}

/* Nodes from loading->next up to `parent` have no edges. */
static void pass_childless(struct loading *loading, uint32_t parent)
{
    struct ocs_graph_view *view = &loading->view;
    for (; loading->next < parent; loading->next++) {
        view->first[loading->next] = loading->edges;
        /* without a record it is not known to have none */
        if (view->kind[loading->next] == OCS_NODE_DOCUMENT)
            view->kind[loading->next] = OCS_NODE_UNREAD;
    }
}

static int append(struct loading *loading, const struct ocs_children *children)
{
    struct ocs_child *at = loading->view.children + loading->edges;
    for (uint32_t i = 0; i < children->count; i++) {
        at[i] = ocs_children_get(children, i);
        if (at[i].id >= loading->view.count || at[i].role < OCS_ROLE_MANIFEST ||
            at[i].role > OCS_ROLE_LOOSE)
            return OCS_GRAPH_CORRUPT;
    }
    loading->edges += children->count;
    return 0;
}

static int load_children(void *data, struct ocs_slice key, struct ocs_slice value,
                         struct ocs_error *err)
{
    struct loading *loading = data;
    struct ocs_children children;
    uint32_t parent;
    if (!ocs_table_id(key, &parent) || parent < loading->next || parent >= loading->view.count ||
        ocs_record_decode_children(parent, value.bytes, value.size, &children) != 0)
        return OCS_GRAPH_CORRUPT;
    if (children.edge_rules != OCS_EDGE_RULES)
        return 0;
    pass_childless(loading, parent);
    loading->view.first[parent] = loading->edges;
    loading->next = parent + 1;
    if (loading->view.kind[parent] != OCS_NODE_DOCUMENT)
        return 0;
    int result = reserve(loading, children.count, err);
    return result == 0 ? append(loading, &children) : result;
}

static int load(struct ocs_graph_txn *txn, struct loading *loading, struct ocs_error *err)
{
    struct ocs_graph_view *view = &loading->view;
    int result = ocs_graph_scan(txn, OCS_TABLE_NODES, loading, load_node, err);
    if (result == 0 && loading->next != view->count)
        result = OCS_GRAPH_CORRUPT;
    if (result != 0)
        return result;
    loading->next = 0;
    result = ocs_graph_scan(txn, OCS_TABLE_CHILDREN, loading, load_children, err);
    if (result != 0)
        return result;
    pass_childless(loading, view->count);
    view->first[view->count] = loading->edges;
    return 0;
}

int ocs_graph_load(struct ocs_graph_txn *txn, struct ocs_graph_view *out, struct ocs_error *err)
{
    struct loading loading = {0};
    /* whoever loads everything may act on it, and the pages cost a quarter of that */
    int result = ocs_graph_check_pages(txn, err);
    if (result == 0)
        result = allocate(&loading.view, ocs_graph_count(txn), err);
    if (result != 0)
        return result;
    result = load(txn, &loading, err);
    if (result != 0) {
        ocs_graph_view_clear(&loading.view);
        return result;
    }
    *out = loading.view;
    return 0;
}

void ocs_graph_view_clear(struct ocs_graph_view *view)
{
    free(view->kind);
    free(view->flags);
    free(view->size);
    free(view->unreferenced_since);
    free(view->first);
    free(view->children);
    *view = (struct ocs_graph_view){0};
}
