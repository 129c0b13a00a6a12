/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "declared.h"

#include "store/cleanup.h"
#include "store/error.h"

void ocs_declared_clear(struct ocs_declared *answers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ocs_bytes_clear(&answers[i].data);
    free(answers);
}

/* Any media type may stand in `config`; only those that the specification knows
 * as documents have edges there. */
static bool may_be_document(const struct ocs_descriptor *descriptor)
{
    switch (ocs_media_of(descriptor->media_type)) {
    case OCS_MEDIA_CONFIG:
    case OCS_MEDIA_LAYER:
    case OCS_MEDIA_LAYER_FOREIGN:
    case OCS_MEDIA_EMPTY:
        return false;
    case OCS_MEDIA_OTHER:
        return descriptor->role != OCS_ROLE_CONFIG && descriptor->role != OCS_ROLE_FSLAYER;
    default:
        return true;
    }
}

struct asker {
    struct ocs_store *store;
    const struct ocs_census *census;
    const struct ocs_mark *mark;
    const struct ocs_digest_set *wanted;
    struct ocs_declared *answers;
    struct ocs_graph_txn *txn;
};

static int ask_descriptor(struct asker *asker, const struct ocs_document *document,
                          const struct ocs_descriptor *descriptor, struct ocs_error *err)
{
    uint32_t index;
    if (!ocs_digest_set_find(asker->wanted, &descriptor->digest, &index))
        return 0;
    struct ocs_declared *answer = &asker->answers[index];
    if (!answer->asked)
        return 0;
    if (may_be_document(descriptor))
        answer->may_be_document = true;
    if (answer->data.size || !descriptor->value)
        return 0;
    int result = ocs_descriptor_data(document, descriptor, &answer->data, err);
    return result < 0 ? result : 0;
}

static int ask_document(struct asker *asker, const struct ocs_document *document,
                        struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < document->count; i++)
        result = ask_descriptor(asker, document, &document->descriptors[i], err);
    return result;
}

/* ---- stored documents ---- */

/* ids of what is asked for, as bits by id */
static int note_asked(struct asker *asker, uint8_t *asked, struct ocs_error *err)
{
    for (uint32_t i = 0; i < ocs_digest_set_count(asker->wanted); i++) {
        struct ocs_digest digest;
        uint32_t id;
        if (!asker->answers[i].asked)
            continue;
        ocs_digest_set_get(asker->wanted, i, &digest);
        int result = ocs_graph_find(asker->txn, &digest, &id, err);
        if (result == 0 && id < asker->mark->count)
            asked[id] = 1;
        else if (result != OCS_GRAPH_NONE && result != 0)
            return result;
    }
    return 0;
}

static bool names_asked(const struct ocs_graph_view *view, uint32_t id, const uint8_t *asked)
{
    for (uint32_t k = view->first[id]; k < view->first[id + 1]; k++) {
        if (asked[view->children[k].id])
            return true;
    }
    return false;
}

/* What an unreadable document said about its children is not known. */
static void assume_documents(struct asker *asker, uint32_t id, struct ocs_error *err)
{
    const struct ocs_graph_view *view = &asker->census->view;
    for (uint32_t k = view->first[id]; k < view->first[id + 1]; k++) {
        struct ocs_node node;
        uint32_t index;
        if (ocs_graph_get_node(asker->txn, view->children[k].id, &node, err) == 0 &&
            ocs_digest_set_find(asker->wanted, &node.digest, &index))
            asker->answers[index].may_be_document = true;
    }
}

static int ask_parent(struct asker *asker, uint32_t id, struct ocs_error *err)
{
    struct ocs_node node;
    auto_bytes struct ocs_bytes bytes = {0};
    auto_document struct ocs_document document = {0};
    int result = ocs_graph_get_node(asker->txn, id, &node, err);
    if (result)
        return result;
    result = ocs_blobs_read(asker->store->blobs, &node.digest, OCS_DOCUMENT_BYTES_MAX, &bytes, NULL,
                            err);
    if (result) {
        assume_documents(asker, id, err);
        return 0;
    }
    result = ocs_document_read(bytes.data, bytes.size, OCS_JSON_DOCUMENT_LIMITS, &document, err);
    return result ? result : ask_document(asker, &document, err);
}

static int ask_parents(struct asker *asker, struct ocs_error *err)
{
    const struct ocs_graph_view *view = &asker->census->view;
    auto_free uint8_t *asked = calloc(view->count + 1u, 1);
    if (!asked)
        return ocs_error_memory(err);
    int result = note_asked(asker, asked, err);
    for (uint32_t id = 0; result == 0 && id < view->count; id++) {
        if (ocs_mark_has(asker->mark, id, OCS_MARK_LIVE) && names_asked(view, id, asked))
            result = ask_parent(asker, id, err);
    }
    return result;
}

/* ---- index.json ---- */

static int ask_layout(struct asker *asker, const struct ocs_census_layout *layout,
                      struct ocs_error *err)
{
    auto_index struct ocs_index index = {0};
    if (layout->state != OCS_LAYOUT_GOOD || layout->index.document.json)
        return ask_document(asker, &layout->index.document, err);
    int result = ocs_census_layout_again(asker->store, layout, &index, err);
    return result ? result : ask_document(asker, &index.document, err);
}

static int ask_layouts(struct asker *asker, struct ocs_error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < asker->census->layout_count; i++)
        result = ask_layout(asker, &asker->census->layouts[i], err);
    return result;
}

/* ---- the whole ---- */

int ocs_declared_read(struct ocs_store *store, const struct ocs_census *census,
                      const struct ocs_mark *mark, const struct ocs_digest_set *wanted,
                      struct ocs_declared *answers, struct ocs_error *err)
{
    struct ocs_graph *graph;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    int result = ocs_store_graph(store, &graph, err);
    if (result == 0)
        result = ocs_graph_begin(graph, false, &txn, err);
    struct asker asker = {store, census, mark, wanted, answers, txn};
    if (result == 0)
        result = ask_layouts(&asker, err);
    return result ? result : ask_parents(&asker, err);
}
