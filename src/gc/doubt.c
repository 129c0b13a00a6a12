/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "doubt.h"

#include "declared.h"
#include "elsewhere.h"
#include "verify.h"

#include "store/cleanup.h"
#include "store/error.h"
#include "store/graph_batch.h"
#include "store/learn.h"

#include <stdio.h>
#include <string.h>

/* How a live id is reached: bit r for enum ocs_role r, bit 0 for a root. */
#define REACHED_AS(role) (1u << (role))
#define REACHED_AS_ROOT  1u
#define AS_DOCUMENT                                                                                \
    (REACHED_AS_ROOT | REACHED_AS(OCS_ROLE_MANIFEST) | REACHED_AS(OCS_ROLE_SUBJECT) |              \
     REACHED_AS(OCS_ROLE_LOOSE))

struct doubtful {
    struct ocs_node node;
    unsigned reached;
    bool present;
    bool open; /* not settled yet */
};

struct doubts {
    struct ocs_store *store;
    const struct ocs_census *census;
    const struct ocs_mark *mark;
    struct doubtful *items;
    uint32_t count;
    struct ocs_digest_set *wanted; /* the digest of items[i] has index i */
    struct ocs_elsewhere *elsewhere;
    struct ocs_graph_batch *batch;
    bool learned;
};

static void doubts_clear(struct doubts *doubts)
{
    free(doubts->items);
    ocs_elsewhere_free(doubts->elsewhere);
    ocs_digest_set_free(doubts->wanted);
    ocs_graph_batch_free(doubts->batch);
}

/* ---- who is in doubt ---- */

static void note_reached(const struct ocs_census *census, const struct ocs_mark *mark,
                         uint8_t *reached)
{
    const struct ocs_graph_view *view = &census->view;
    for (uint32_t id = 0; id < view->count; id++) {
        if (!ocs_mark_has(mark, id, OCS_MARK_LIVE))
            continue;
        if (ocs_mark_has(mark, id, OCS_MARK_LISTED))
            reached[id] |= REACHED_AS_ROOT;
        for (uint32_t k = view->first[id]; k < view->first[id + 1]; k++)
            reached[view->children[k].id] |= (uint8_t)REACHED_AS(view->children[k].role);
    }
}

/* What was opened and found to be no document can still have been one: a manifest that
 * was empty at that moment, or full of zeros, whether it is still there or was put into
 * the quarantine since. */
static bool in_doubt(const struct ocs_census *census, const struct ocs_mark *mark, uint32_t id,
                     unsigned reached)
{
    if (!ocs_mark_has(mark, id, OCS_MARK_LIVE))
        return false;
    if (census->view.kind[id] == OCS_NODE_UNREAD)
        return census->present[id] || (reached & AS_DOCUMENT);
    return census->view.kind[id] == OCS_NODE_OPAQUE && (reached & AS_DOCUMENT);
}

static int add_doubtful(struct doubts *doubts, struct ocs_graph_txn *txn, uint32_t id,
                        unsigned reached, struct ocs_error *err)
{
    uint32_t index;
    struct doubtful *item = &doubts->items[doubts->count];
    item->reached = reached;
    item->present = doubts->census->present[id];
    item->open = true;
    int result = ocs_graph_get_node(txn, id, &item->node, err);
    item->node.kind = doubts->census->view.kind[id]; /* the row may be of other bytes or rules */
    if (result == 0)
        result = ocs_digest_set_add(doubts->wanted, &item->node.digest, &index, err);
    if (result == 0)
        doubts->count++;
    return result;
}

static int fetch_doubtful(struct doubts *doubts, const uint8_t *reached, struct ocs_error *err)
{
    struct ocs_graph *graph;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    int result = ocs_store_graph(doubts->store, &graph, err);
    if (result == 0)
        result = ocs_graph_begin(graph, false, &txn, err);
    for (uint32_t id = 0; result == 0 && id < doubts->mark->count; id++) {
        if (in_doubt(doubts->census, doubts->mark, id, reached[id]))
            result = add_doubtful(doubts, txn, id, reached[id], err);
    }
    return result;
}

/* Entries that neither the graph nor the disk ever saw. */
static int add_unknown_entries(struct doubts *doubts, const struct ocs_census_layout *layout,
                               struct ocs_error *err)
{
    for (size_t i = 0; i < layout->count; i++) {
        struct doubtful *item = &doubts->items[doubts->count];
        uint32_t index;
        if (layout->entries[i].id != OCS_CENSUS_NO_ID)
            continue;
        item->node = (struct ocs_node){0};
        ocs_census_entry_digest(layout, i, &item->node.digest);
        item->reached = REACHED_AS_ROOT;
        item->open = true;
        int result = ocs_digest_set_add(doubts->wanted, &item->node.digest, &index, err);
        if (result < 0)
            return result;
        doubts->count += result == 0;
    }
    return 0;
}

static int fetch(struct doubts *doubts, const uint8_t *reached, struct ocs_error *err)
{
    int result = fetch_doubtful(doubts, reached, err);
    for (size_t i = 0; result == 0 && i < doubts->census->layout_count; i++)
        result = add_unknown_entries(doubts, &doubts->census->layouts[i], err);
    return result;
}

static size_t count_doubtful(const struct doubts *doubts, const uint8_t *reached)
{
    const struct ocs_census *census = doubts->census;
    size_t count = 0;
    for (uint32_t id = 0; id < doubts->mark->count; id++)
        count += in_doubt(census, doubts->mark, id, reached[id]);
    for (size_t i = 0; i < census->layout_count; i++) {
        for (size_t k = 0; k < census->layouts[i].count; k++)
            count += census->layouts[i].entries[k].id == OCS_CENSUS_NO_ID;
    }
    return count;
}

static int gather(struct doubts *doubts, struct ocs_error *err)
{
    const struct ocs_mark *mark = doubts->mark;
    auto_free uint8_t *reached = calloc(mark->count + 1u, 1);
    if (!reached)
        return ocs_error_memory(err);
    note_reached(doubts->census, mark, reached);
    size_t count = count_doubtful(doubts, reached);
    if (count == 0)
        return 0;
    doubts->items = calloc(count + 1, sizeof(*doubts->items)); /* one is tried beyond the last */
    if (!doubts->items)
        return ocs_error_memory(err);
    int result = ocs_digest_set_new(&doubts->wanted, err);
    if (result == 0)
        result = ocs_graph_batch_new(&doubts->batch, err);
    return result ? result : fetch(doubts, reached, err);
}

/* ---- learning ---- */

/* `stamp` is that of the verified file in place, or of bytes from elsewhere the size alone. */
static int record(struct doubts *doubts, struct doubtful *item, const struct ocs_document *document,
                  const struct ocs_stamp *stamp, bool in_place, struct ocs_error *err)
{
    bool is_document = document->state != OCS_DOCUMENT_OPAQUE;
    struct ocs_fact fact = {
        .digest = &item->node.digest,
        .document = is_document ? document : NULL,
        .stamp = *stamp,
        .result = in_place ? OCS_RESULT_GOOD : OCS_RESULT_NONE,
        .verified_at = in_place ? ocs_now_s() : 0,
    };
    int result = ocs_graph_batch_add(doubts->batch, &fact, err);
    if (result)
        return result;
    item->open = false;
    if (is_document || item->node.kind == OCS_NODE_UNREAD)
        doubts->learned = true;
    return 0;
}

/* `stamp` of the file in place, or NULL. */
static int learn(struct doubts *doubts, struct doubtful *item, const struct ocs_bytes *bytes,
                 const struct ocs_stamp *stamp, struct ocs_error *err)
{
    auto_document struct ocs_document document = {0};
    const struct ocs_stamp elsewhere = {.size = bytes->size};
    int result =
        ocs_document_read(bytes->data, bytes->size, OCS_JSON_DOCUMENT_LIMITS, &document, err);
    return result ? result
                  : record(doubts, item, &document, stamp ? stamp : &elsewhere, stamp, err);
}

/* ---- in place ---- */

/* Larger than what is read of a document: verified first, then looked through.  What is
 * damaged, or changes meanwhile, stays in doubt, and so does what names too many blobs. */
static int settle_large(struct doubts *doubts, struct doubtful *item, struct ocs_error *err)
{
    struct stat st, again;
    auto_fd int fd = -1;
    auto_bytes struct ocs_bytes bytes = {0};
    auto_document struct ocs_document document = {0};
    int result = ocs_verify_file(doubts->store, &item->node.digest, &st, err);
    if (result)
        return result == -OCS_INTERRUPTED ? result : 0;
    if (ocs_blobs_open_blob(doubts->store->blobs, &item->node.digest, &fd, &again, NULL) != 0)
        return 0;
    const struct ocs_stamp stamp = ocs_stamp_of(&st), after = ocs_stamp_of(&again);
    if (!ocs_stamp_equal(&stamp, &after) ||
        ocs_learn_blob(fd, &bytes, &document, "a document", NULL) != 0)
        return 0;
    return record(doubts, item, &document, &stamp, true, err);
}

/* Of what is gone that it was good is enough: nobody can have changed it since. */
static bool is_surely_opaque(const struct doubts *doubts, const struct doubtful *item)
{
    if (item->node.kind != OCS_NODE_OPAQUE)
        return false;
    return item->present ? ocs_verify_known(doubts->store, &item->node)
                         : item->node.result == OCS_RESULT_GOOD;
}

/* A file that cannot be read stays in doubt: that is no failure of the run.  One
 * that was not there when the folder was listed may have come since, with the
 * index that names it: it is learned, and the next round sees both. */
static int settle_in_place(struct doubts *doubts, struct doubtful *item, struct ocs_error *err)
{
    struct stat st;
    auto_bytes struct ocs_bytes bytes = {0};
    if (!ocs_algorithm_verifiable(ocs_digest_algorithm(&item->node.digest))) {
        item->open = item->node.kind == OCS_NODE_UNREAD;
        return 0;
    }
    if (is_surely_opaque(doubts, item)) {
        item->open = false;
        return 0;
    }
    int result = ocs_blobs_read(doubts->store->blobs, &item->node.digest, OCS_DOCUMENT_BYTES_MAX,
                                &bytes, &st, err);
    if (result == OCS_BLOB_LARGE)
        return settle_large(doubts, item, err);
    if (result)
        return 0;
    struct ocs_stamp stamp = ocs_stamp_of(&st);
    return learn(doubts, item, &bytes, &stamp, err);
}

/* ---- elsewhere ---- */

static int settle_elsewhere(struct doubts *doubts, uint32_t index, struct ocs_error *err)
{
    struct doubtful *item = &doubts->items[index];
    auto_bytes struct ocs_bytes bytes = {0};
    int result = ocs_elsewhere_read(doubts->elsewhere, index, OCS_DOCUMENT_BYTES_MAX, &bytes, err);
    if (result == 0)
        return learn(doubts, item, &bytes, NULL, err);
    return result < 0 ? result : 0;
}

/* Known to the graph as more than somebody's child, or still lying about. */
static bool was_here(const struct doubts *doubts, uint32_t index)
{
    const struct doubtful *item = &doubts->items[index];
    return item->node.size > 0 || (item->node.flags & OCS_NODE_WAS_LIVE) ||
           ocs_elsewhere_was_here(doubts->elsewhere, index);
}

static void settle_sparse(struct doubts *doubts, uint32_t index)
{
    struct doubtful *item = &doubts->items[index];
    bool root = item->reached & REACHED_AS_ROOT;
    if (!item->present && !root && !was_here(doubts, index))
        item->open = false;
}

static int settle_each(struct doubts *doubts, struct ocs_error *err)
{
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < doubts->count; i++)
        result = settle_in_place(doubts, &doubts->items[i], err);
    if (result == 0)
        result = ocs_elsewhere_find(doubts->store, doubts->census, doubts->wanted,
                                    &doubts->elsewhere, err);
    for (uint32_t i = 0; result == 0 && i < doubts->count; i++) {
        if (doubts->items[i].open)
            result = settle_elsewhere(doubts, i, err);
        if (doubts->items[i].open)
            settle_sparse(doubts, i);
    }
    return result;
}

/* ---- by what their descriptors say ---- */

static int settle_declared(struct doubts *doubts, struct ocs_declared *answers,
                           struct ocs_error *err)
{
    int result = ocs_declared_read(doubts->store, doubts->census, doubts->mark, doubts->wanted,
                                   answers, err);
    for (uint32_t i = 0; result == 0 && i < doubts->count; i++) {
        struct doubtful *item = &doubts->items[i];
        if (!item->open)
            continue;
        item->open = answers[i].may_be_document;
        if (answers[i].data.size)
            result = learn(doubts, item, &answers[i].data, NULL, err);
    }
    return result;
}

static uint64_t count_open(const struct doubts *doubts)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < doubts->count; i++)
        count += doubts->items[i].open;
    return count;
}

static int settle_by_descriptors(struct doubts *doubts, struct ocs_error *err)
{
    if (count_open(doubts) == 0)
        return 0;
    struct ocs_declared *answers = calloc(doubts->count, sizeof(*answers));
    if (!answers)
        return ocs_error_memory(err);
    for (uint32_t i = 0; i < doubts->count; i++)
        answers[i].asked = doubts->items[i].open;
    int result = settle_declared(doubts, answers, err);
    ocs_declared_clear(answers, doubts->count);
    return result;
}

/* ---- the whole ---- */

static void report(const struct doubts *doubts, struct ocs_doubt *out)
{
    out->obstacles = count_open(doubts);
    for (uint32_t i = 0; i < doubts->count; i++) {
        const struct doubtful *item = &doubts->items[i];
        if (!item->open)
            continue;
        ocs_digest_format(&item->node.digest, out->digest);
        const char *state = item->present ? "is damaged or cannot be read" : "is not there";
        const char *listed = item->reached & REACHED_AS_ROOT ? ", which an index.json lists," : "";
        snprintf(out->first, sizeof(out->first), "%s%s %s, and what it needs is not known",
                 out->digest, listed, state);
        return;
    }
}

static int flush(struct doubts *doubts, struct ocs_error *err)
{
    struct ocs_graph *graph;
    if (ocs_graph_batch_count(doubts->batch) == 0)
        return 0;
    int result = ocs_store_graph(doubts->store, &graph, err);
    if (result == 0)
        result = ocs_graph_batch_flush(doubts->batch, graph, err);
    if (result < 0 && !doubts->learned) /* only that something was verified */
        return 0;
    return result;
}

static int settle(struct doubts *doubts, struct ocs_doubt *out, struct ocs_error *err)
{
    int result = settle_each(doubts, err);
    if (result == 0)
        result = settle_by_descriptors(doubts, err);
    if (result == 0)
        result = flush(doubts, err);
    if (result)
        return result;
    report(doubts, out);
    return doubts->learned ? OCS_DOUBT_LEARNED : 0;
}

int ocs_doubt_resolve(struct ocs_store *store, const struct ocs_census *census,
                      const struct ocs_mark *mark, struct ocs_doubt *out, struct ocs_error *err)
{
    struct doubts doubts = {.store = store, .census = census, .mark = mark};
    *out = (struct ocs_doubt){0};
    int result = gather(&doubts, err);
    if (result == 0 && doubts.count > 0)
        result = settle(&doubts, out, err);
    doubts_clear(&doubts);
    return result;
}
