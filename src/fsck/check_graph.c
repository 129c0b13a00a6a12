/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "check_graph.h"

#include "array.h"
#include "folder.h"
#include "graph_walk.h"
#include "reader.h"
#include "results.h"

#include "store/cleanup.h"
#include "store/graph_tables.h"

#include <string.h>

#define GRAPH_PATH ".ocistore/graph/data.mdb"

/* ---- loading ---- */

/* Nodes wait until there are some to be looked up at once. */
struct loading {
    struct ocs_fsck_run *run;
    uint32_t taken; /* nodes, which are ids from 0 */
    struct ocs_node nodes[OCS_DIGEST_SET_MANY];
    size_t count;
};

static int take_node(struct ocs_fsck_run *run, const struct ocs_node *node, uint32_t blob)
{
    struct ocs_blob_state *state = &run->inventory.blobs[blob];
    if (state->graph_id != OCS_NO_BLOB) /* two nodes of one digest */
        return OCS_GRAPH_CORRUPT;
    run->graph_blobs[node->id] = blob;
    state->graph_id = node->id;
    state->known_kind = (uint8_t)node->kind;
    state->known_result = (uint8_t)node->result;
    state->known_stamp = node->kind == OCS_NODE_UNREAD ? 0 : ocs_inventory_stamp(&node->stamp);
    state->verified_at = node->verified_at > 0 ? (uint32_t)node->verified_at : 0;
    state->was_live = node->flags & OCS_NODE_WAS_LIVE;
    if (node->flags & OCS_NODE_WAS_LISTED)
        state->flags |= OCS_BLOB_WAS_LISTED;
    return 0;
}

static int take_nodes(struct loading *loading, struct ocs_error *err)
{
    const struct ocs_digest *digests[OCS_DIGEST_SET_MANY];
    uint32_t blobs[OCS_DIGEST_SET_MANY];
    for (size_t i = 0; i < loading->count; i++)
        digests[i] = &loading->nodes[i].digest;
    int r = ocs_inventory_add_many(&loading->run->inventory, digests, loading->count, blobs, err);
    for (size_t i = 0; r == 0 && i < loading->count; i++)
        r = take_node(loading->run, &loading->nodes[i], blobs[i]);
    loading->taken += (uint32_t)loading->count;
    loading->count = 0;
    return r;
}

static int load_node(void *data, struct ocs_slice key, struct ocs_slice value,
                     struct ocs_error *err)
{
    struct loading *loading = data;
    uint32_t id, expected = loading->taken + (uint32_t)loading->count;
    if (!ocs_table_id(key, &id) || id != expected || id >= loading->run->graph_count ||
        ocs_record_decode_node(id, value.bytes, value.size, &loading->nodes[loading->count]) != 0)
        return OCS_GRAPH_CORRUPT;
    return ++loading->count == OCS_DIGEST_SET_MANY ? take_nodes(loading, err) : 0;
}

static int load_nodes(struct ocs_fsck_run *run, struct ocs_graph_txn *txn, struct ocs_error *err)
{
    struct loading loading = {.run = run};
    int r = ocs_graph_scan(txn, OCS_TABLE_NODES, &loading, load_node, err);
    if (r == 0)
        r = take_nodes(&loading, err);
    return r == 0 && loading.taken != run->graph_count ? OCS_GRAPH_CORRUPT : r;
}

static int load(struct ocs_fsck_run *run, struct ocs_error *err)
{
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    int r = ocs_graph_begin(run->graph, false, &txn, err);
    if (r != 0)
        return r;
    run->graph_count = ocs_graph_count(txn);
    run->graph_is_new = run->graph_count == 0;
    run->graph_blobs = malloc(((size_t)run->graph_count + 1) * sizeof(uint32_t));
    if (!run->graph_blobs)
        return ocs_error_memory(err);
    memset(run->graph_blobs, 0xff, ((size_t)run->graph_count + 1) * sizeof(uint32_t));
    return load_nodes(run, txn, err);
}

static int give_up(struct ocs_fsck_run *run, const char *message, struct ocs_error *err)
{
    run->graph = NULL;
    return ocs_fsck_blame_file(run, "graph-corrupt", GRAPH_PATH, message, err);
}

static int read_names(struct ocs_fsck_run *run, struct ocs_error *err)
{
    return run->options->image ? 0 : ocs_folder_read(run, err);
}

static int walk(struct ocs_fsck_run *run, const char **trouble, struct ocs_error *err)
{
    struct ocs_graph_walk walk;
    int r = ocs_graph_walk_begin(run->store, &walk, err);
    if (r < 0)
        return r;
    int names = read_names(run, err);
    r = ocs_graph_walk_end(&walk, trouble, names < 0 ? NULL : err);
    return names < 0 ? names : ocs_error_context(err, r, "%s", run->store->graph_path);
}

static int open_graph(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int r = ocs_store_graph(run->store, &run->graph, err);
    if (r == 0)
        r = ocs_results_open(run, err);
    if (r == 0)
        r = load(run, err);
    return r == OCS_GRAPH_CORRUPT ? give_up(run, "a record failed its check", err) : r;
}

int ocs_check_graph_open(struct ocs_fsck_run *run, struct ocs_error *err)
{
    const char *trouble = NULL;
    int walked = run->store ? walk(run, &trouble, err) : read_names(run, err);
    int r = walked < 0 ? walked : ocs_folder_take(run, err);
    if (r < 0 || !run->store)
        return r;
    return walked == 0 ? open_graph(run, err) : give_up(run, trouble, err);
}

bool ocs_check_graph_knows(const struct ocs_blob_state *state)
{
    return state->known_kind != OCS_NODE_UNREAD && state->known_stamp == state->stamp;
}

/* ---- edges ---- */

/* The ids of *children become places in the inventory. */
static int read_children(struct ocs_fsck_run *run, struct ocs_graph_txn *txn, uint32_t blob,
                         struct ocs_child **children, uint32_t *count, struct ocs_error *err)
{
    struct ocs_children record;
    *count = 0;
    int r = ocs_graph_get_children(txn, run->inventory.blobs[blob].graph_id, &record, err);
    if (r != 0)
        return r;
    struct ocs_child *found = malloc(((size_t)record.count + 1) * sizeof(*found));
    if (!found)
        return ocs_error_memory(err);
    for (uint32_t i = 0; i < record.count; i++) {
        found[i] = ocs_children_get(&record, i);
        uint32_t child =
            found[i].id < run->graph_count ? run->graph_blobs[found[i].id] : OCS_NO_BLOB;
        if (child == OCS_NO_BLOB) {
            free(found);
            return OCS_GRAPH_CORRUPT;
        }
        found[i].id = child;
    }
    *children = found;
    *count = record.count;
    return 0;
}

int ocs_check_graph_children(struct ocs_fsck_run *run, uint32_t blob, struct ocs_child **children,
                             uint32_t *count, struct ocs_error *err)
{
    *count = 0;
    int r = ocs_results_settle(run, err);
    if (r < 0 || !run->graph || run->inventory.blobs[blob].graph_id == OCS_NO_BLOB)
        return r;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    r = ocs_graph_begin(run->graph, false, &txn, err);
    if (r == 0)
        r = read_children(run, txn, blob, children, count, err);
    if (r == OCS_GRAPH_CORRUPT)
        return give_up(run, "the edges of a document failed their check", err);
    return r < 0 ? r : 0;
}

/* ---- against the disk ---- */

static int compare_children(const void *left, const void *right)
{
    const struct ocs_child *a = left, *b = right;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return (int)a->role - (int)b->role;
}

static uint32_t unite(struct ocs_child *children, uint32_t count)
{
    uint32_t kept = 0;
    if (count)
        qsort(children, count, sizeof(*children), compare_children);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || compare_children(&children[kept - 1], &children[i]) != 0)
            children[kept++] = children[i];
    }
    return kept;
}

struct difference {
    bool missing, extra;
};

static void compare_sets(const struct ocs_child *ours, uint32_t our_count,
                         const struct ocs_child *theirs, uint32_t their_count,
                         struct difference *out)
{
    uint32_t i = 0, j = 0;
    while (i < our_count && j < their_count) {
        int order = compare_children(&ours[i], &theirs[j]);
        out->missing |= order < 0;
        out->extra |= order > 0;
        i += order <= 0;
        j += order >= 0;
    }
    out->missing |= i < our_count;
    out->extra |= j < their_count;
}

static int compare_edges(struct ocs_fsck_run *run, struct ocs_graph_txn *txn, uint32_t blob,
                         struct difference *out, struct ocs_error *err)
{
    const struct ocs_inventory *inventory = &run->inventory;
    const struct ocs_read_document *document =
        &inventory->documents[inventory->blobs[blob].document - 1];
    auto_free struct ocs_child *theirs = NULL;
    uint32_t their_count;
    int r = read_children(run, txn, blob, &theirs, &their_count, err);
    if (r < 0 || r == OCS_GRAPH_CORRUPT)
        return r;
    auto_free struct ocs_child *ours = malloc(((size_t)document->count + 1) * sizeof(*ours));
    if (!ours)
        return ocs_error_memory(err);
    for (uint32_t i = 0; i < document->count; i++)
        ours[i] = (struct ocs_child){
            .id = inventory->children[document->first + i],
            .role = inventory->how[document->first + i] & OCS_EDGE_ROLE,
        };
    compare_sets(ours, unite(ours, document->count), theirs,
                 theirs ? unite(theirs, their_count) : 0, out);
    return 0;
}

struct comparison {
    struct ocs_fsck_run *run;
    struct ocs_graph_txn *txn;
    uint32_t *mend; /* documents whose edges have to be learned again */
    size_t mend_count, mend_capacity, next;
};

static int check_edges(struct comparison *comparison, uint32_t blob, struct ocs_error *err)
{
    struct ocs_fsck_run *run = comparison->run;
    struct difference difference = {false, false};
    int r = compare_edges(run, comparison->txn, blob, &difference, err);
    if (r == 0 && difference.missing)
        r = ocs_fsck_blame_blob(run, "graph-missing-edge", blob, NULL, err);
    if (r == 0 && difference.extra)
        r = ocs_fsck_blame_blob(run, "graph-extra", blob, NULL, err);
    if (r != 0 || (!difference.missing && !difference.extra))
        return r;
    r = ocs_array_reserve(&comparison->mend, &comparison->mend_capacity, comparison->mend_count + 1,
                          sizeof(uint32_t), err);
    if (r == 0)
        comparison->mend[comparison->mend_count++] = blob;
    return r;
}

static int check_node(struct comparison *comparison, uint32_t blob, struct ocs_error *err)
{
    struct ocs_fsck_run *run = comparison->run;
    const struct ocs_blob_state *state = &run->inventory.blobs[blob];
    if (state->presence != OCS_PRESENCE_HERE || state->flags & OCS_BLOB_DAMAGED)
        return 0; /* what the graph knows is of the right bytes */
    if (state->known_kind == OCS_NODE_UNREAD)
        return run->graph_is_new ? 0
                                 : ocs_fsck_blame_blob(run, "graph-missing-node", blob, NULL, err);
    if (!ocs_check_graph_knows(state))
        return ocs_fsck_blame_blob(run, "graph-stale", blob, NULL, err);
    return state->document ? check_edges(comparison, blob, err) : 0;
}

static int compare_all(struct comparison *comparison, struct ocs_error *err)
{
    struct ocs_fsck_run *run = comparison->run;
    auto_graph_txn struct ocs_graph_txn *txn = NULL;
    int r = ocs_graph_begin(run->graph, false, &txn, err);
    comparison->txn = txn;
    uint32_t count = ocs_inventory_count(&run->inventory);
    for (uint32_t blob = 0; r == 0 && blob < count; blob++)
        r = check_node(comparison, blob, err);
    return r;
}

/* ---- mending ---- */

static bool next_to_mend(void *data, struct ocs_reading *reading)
{
    struct comparison *comparison = data;
    if (comparison->next == comparison->mend_count)
        return false;
    reading->blob = comparison->mend[comparison->next++];
    reading->declared = NULL;
    return true;
}

static int mend(void *data, struct ocs_reading *reading, struct ocs_error *err)
{
    struct comparison *comparison = data;
    bool usable = reading->is_document && reading->verdict != OCS_VERDICT_BAD;
    return usable ? ocs_results_learn(comparison->run, reading->blob, &reading->document,
                                      &reading->stamp, err)
                  : 0;
}

static int mend_all(struct comparison *comparison, struct ocs_error *err)
{
    struct ocs_reader reader = {
        .run = comparison->run,
        .phase = "graph",
        .kind = OCS_READER_BIG,
        .data = comparison,
        .next = next_to_mend,
        .on_read = mend,
    };
    return ocs_reader_run(&reader, err);
}

int ocs_check_graph(struct ocs_fsck_run *run, struct ocs_error *err)
{
    int r = ocs_results_settle(run, err);
    if (r < 0 || !run->graph)
        return r;
    struct comparison comparison = {.run = run};
    r = compare_all(&comparison, err);
    if (r == 0)
        r = mend_all(&comparison, err);
    free(comparison.mend);
    return r == OCS_GRAPH_CORRUPT ? give_up(run, "a record failed its check", err) : r;
}
