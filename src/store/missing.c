/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "missing.h"

#include "census.h"
#include "cleanup.h"
#include "error.h"

#define REACHED 1
#define ABSENT  2

/* A sparse part of an index, a subject and what is no sure edge may be absent. */
static bool must_be_there(const struct ocs_child *child)
{
    return child->role == OCS_ROLE_CONFIG || child->role == OCS_ROLE_LAYER ||
           child->role == OCS_ROLE_BLOB || child->role == OCS_ROLE_FSLAYER;
}

static void mark_missing(const struct ocs_census *census, uint8_t *bits)
{
    const struct ocs_graph_view *view = &census->view;
    for (uint32_t id = 0; id < view->count; id++) {
        if (!(bits[id] & REACHED) || !census->present[id])
            continue;
        for (uint32_t k = view->first[id]; k < view->first[id + 1]; k++) {
            if (must_be_there(&view->children[k]) && !census->present[view->children[k].id])
                bits[view->children[k].id] |= ABSENT;
        }
    }
}

struct telling {
    void *data;
    ocs_missing_fn *on_missing;
    uint64_t count;
};

static void tell(struct telling *telling, const struct ocs_digest *digest)
{
    telling->count++;
    if (telling->on_missing)
        telling->on_missing(telling->data, digest);
}

static int mark_layout(const struct ocs_census *census, const struct ocs_census_layout *layout,
                       uint8_t *bits, struct telling *telling, struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < layout->count; i++) {
        uint32_t id = layout->entries[i].id;
        struct ocs_digest digest;
        if (id == OCS_CENSUS_NO_ID) {
            ocs_census_entry_digest(layout, i, &digest);
            tell(telling, &digest);
        } else if (!census->present[id]) {
            bits[id] |= ABSENT;
        } else if (!(bits[id] & REACHED)) {
            result = ocs_census_reach(census, &id, 1, false, bits, REACHED, err);
        }
    }
    mark_missing(census, bits);
    return result;
}

/* The graph alone has the digest of what is not in blobs/. */
static int tell_marked(struct ocs_store *store, const uint8_t *bits, uint32_t count,
                       struct telling *telling, struct ocs_error *err)
{
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    struct ocs_graph *graph = NULL;
    int result = ocs_store_graph(store, &graph, err);
    if (result == 0)
        result = ocs_graph_begin(graph, false, &txn, err);
    for (uint32_t id = 0; result == 0 && id < count; id++) {
        struct ocs_node node;
        if (!(bits[id] & ABSENT))
            continue;
        result = ocs_graph_get_node(txn, id, &node, err);
        if (result == 0)
            tell(telling, &node.digest);
    }
    return result > 0 ? ocs_error_raise(err, OCS_FAILED, "the graph is damaged") : result;
}

static int look_at_layout(struct ocs_store *store, const struct ocs_census *census,
                          const struct ocs_census_layout *layout, struct telling *telling,
                          struct ocs_error *err)
{
    auto_free uint8_t *bits = calloc((size_t)census->view.count + 1, 1);
    if (!bits)
        return ocs_error_memory(err);
    int result = mark_layout(census, layout, bits, telling, err);
    return result == 0 ? tell_marked(store, bits, census->view.count, telling, err) : result;
}

int ocs_missing_each(struct ocs_store *store, const char *layout, void *data,
                     ocs_missing_fn *on_missing, uint64_t *count, struct ocs_error *err)
{
    struct ocs_census census;
    struct telling telling = {.data = data, .on_missing = on_missing};
    int result = ocs_census_take_ids(store, 0, &census, err);
    if (result < 0)
        return result;
    const struct ocs_census_layout *known = ocs_census_find_layout(&census, layout);
    if (known)
        result = look_at_layout(store, &census, known, &telling, err);
    ocs_census_clear(&census);
    *count = telling.count;
    return result;
}

void ocs_missing_tell(struct ocs_store *store, const char *name)
{
    uint64_t missing = 0;
    if (ocs_missing_each(store, name, NULL, NULL, &missing, NULL) != 0 || missing == 0)
        return;
    ocs_store_notice(store,
                     "layout '%s': %llu of the blobs that it needs %s not in %s/blobs: "
                     "ocistore fsck --quick names them",
                     name, (unsigned long long)missing, missing == 1 ? "is" : "are", store->path);
}
