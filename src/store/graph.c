/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "graph.h"

#include "cleanup.h"
#include "error.h"
#include "graph_file.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define FORMAT      1u
#define META_FORMAT "graph.format"
#define META_COUNT  "graph.count"

/* What is not known yet, or that there is none. */
#define PARENT_UNKNOWN (-2)
#define PARENT_NONE    (-1)

_Static_assert(OCS_TABLES_NONE == OCS_GRAPH_NONE && OCS_TABLES_CORRUPT == OCS_GRAPH_CORRUPT,
               "results of the tables are forwarded as they are");

struct ocs_graph_txn {
    struct ocs_graph *graph;
    struct ocs_tables *tables;
    bool open;
    uint32_t count;        /* of nodes; the next id */
    uint32_t count_stored; /* what the meta table says */
    int64_t last_parent;   /* the highest key in `children` */
};

struct ocs_graph {
    struct ocs_graph_file *file;
    struct ocs_graph_txn txn; /* there is one at a time */
};

/* Passes `result` on; that the graph is corrupt is remembered. */
static int noted(struct ocs_graph_txn *txn, int result)
{
    return result == OCS_GRAPH_CORRUPT ? ocs_graph_file_corrupt(txn->graph->file) : result;
}

/* The same where a missing record cannot be. */
static int expected(struct ocs_graph_txn *txn, int result)
{
    return result > 0 ? ocs_graph_file_corrupt(txn->graph->file) : result;
}

static int corrupt(struct ocs_graph_txn *txn)
{
    return ocs_graph_file_corrupt(txn->graph->file);
}

static struct ocs_slice slice(const void *bytes, size_t size)
{
    return (struct ocs_slice){.bytes = bytes, .size = size};
}

/* ---- meta ---- */

static struct ocs_slice name_key(const char *name)
{
    assert(strlen(name) <= OCS_GRAPH_META_NAME_MAX);
    return slice(name, strlen(name));
}

int ocs_graph_get_meta(struct ocs_graph_txn *txn, const char *name, void *out, size_t size,
                       struct ocs_error *err)
{
    struct ocs_slice value;
    const void *bytes;
    size_t found;
    int result = ocs_tables_get(txn->tables, OCS_TABLE_META, name_key(name), &value, err);
    if (result != 0)
        return noted(txn, result);
    if (ocs_record_decode_meta(name, value.bytes, value.size, &bytes, &found) != 0 || found != size)
        return corrupt(txn);
    memcpy(out, bytes, size);
    return 0;
}

int ocs_graph_put_meta(struct ocs_graph_txn *txn, const char *name, const void *bytes, size_t size,
                       struct ocs_error *err)
{
    assert(size <= OCS_GRAPH_META_MAX);
    unsigned char record[OCS_META_RECORD_MAX];
    struct ocs_slice value = {
        .bytes = record,
        .size = ocs_record_encode_meta(name, bytes, size, record),
    };
    int result = ocs_tables_put(txn->tables, OCS_TABLE_META, name_key(name), value, false, err);
    return noted(txn, result);
}

static int get_number(struct ocs_graph_txn *txn, const char *name, uint32_t *out,
                      struct ocs_error *err)
{
    uint32_t stored = 0;
    int result = ocs_graph_get_meta(txn, name, &stored, sizeof(stored), err);
    if (result == 0)
        *out = le32toh(stored);
    return result;
}

static int put_number(struct ocs_graph_txn *txn, const char *name, uint32_t number,
                      struct ocs_error *err)
{
    uint32_t stored = htole32(number);
    return ocs_graph_put_meta(txn, name, &stored, sizeof(stored), err);
}
/* ---- open ---- */

static int check_format(struct ocs_graph_txn *txn, struct ocs_error *err)
{
    uint32_t format;
    int result = get_number(txn, META_FORMAT, &format, err);
    if (result != 0)
        return expected(txn, result);
    if (format > FORMAT)
        return ocs_error_raise(err, OCS_FAILED, "graph in '%s': made by a newer ocistore",
                               ocs_graph_file_path(txn->graph->file));
    return format == FORMAT ? 0 : corrupt(txn);
}

/* Ids are dense, so that three counts agree. */
static int read_counts(struct ocs_graph_txn *txn, struct ocs_error *err)
{
    uint64_t ids = 0;
    uint64_t nodes = 0;
    int result = get_number(txn, META_COUNT, &txn->count, err);
    if (result == 0)
        result = ocs_tables_entries(txn->tables, OCS_TABLE_IDS, &ids, err);
    if (result == 0)
        result = ocs_tables_entries(txn->tables, OCS_TABLE_NODES, &nodes, err);
    if (result == 0 && (ids != txn->count || nodes != txn->count))
        result = OCS_GRAPH_CORRUPT;
    txn->count_stored = txn->count;
    return expected(txn, result);
}

static int begin(struct ocs_graph *graph, bool write, struct ocs_error *err)
{
    assert(!graph->txn.open);
    int result = ocs_graph_file_begin(graph->file, write, err);
    if (result != 0)
        return result;
    graph->txn = (struct ocs_graph_txn){
        .graph = graph,
        .tables = ocs_graph_file_tables(graph->file),
        .open = true,
        .last_parent = PARENT_UNKNOWN,
    };
    return 0;
}

static int end(struct ocs_graph_txn *txn, struct ocs_error *err)
{
    txn->open = false;
    return ocs_graph_file_commit(txn->graph->file, err);
}

/* Another process may have made them since we looked: that is fine. */
static int make_tables(struct ocs_graph *graph, struct ocs_error *err)
{
    struct ocs_graph_txn *txn = &graph->txn;
    uint32_t format;
    int result = begin(graph, true, err);
    if (result != 0)
        return result;
    result = ocs_tables_attach(txn->tables, true, err);
    if (result == 0)
        result = get_number(txn, META_FORMAT, &format, err);
    if (result == OCS_GRAPH_NONE) {
        result = put_number(txn, META_FORMAT, FORMAT, err);
        if (result == 0)
            result = put_number(txn, META_COUNT, 0, err);
    }
    if (result == 0)
        return end(txn, err);
    ocs_graph_abort(txn);
    return result;
}

static int find_tables(struct ocs_graph *graph, struct ocs_error *err)
{
    struct ocs_graph_txn *txn = &graph->txn;
    int result = begin(graph, false, err);
    if (result != 0)
        return result;
    result = ocs_tables_attach(txn->tables, false, err);
    if (result == 0)
        result = check_format(txn, err);
    if (result == 0)
        result = read_counts(txn, err);
    if (result == 0 && ocs_graph_file_doubtful(graph->file))
        result = ocs_graph_check(txn, err);
    /* committed, since handles of an aborted transaction are gone */
    int ended = end(txn, result == 0 ? err : NULL);
    if (result == 0 && ended == 0 && ocs_graph_file_doubtful(graph->file))
        ocs_graph_file_trust(graph->file);
    return result == 0 ? ended : result;
}

int ocs_graph_open(const struct ocs_graph_options *options, struct ocs_graph **out,
                   struct ocs_error *err)
{
    struct ocs_graph_file_options file_options = {
        .dir_fd = options->dir_fd,
        .path = options->path,
        .lock_fd = options->lock_fd,
        .wait = options->wait,
        .create = options->create,
    };
    struct ocs_graph *graph = calloc(1, sizeof(*graph));
    if (!graph)
        return ocs_error_memory(err);
    int result = ocs_graph_file_open(&file_options, &graph->file, err);
    if (result == 0)
        result = find_tables(graph, err);
    /* killed between the file and its tables: as good as none */
    if (result == OCS_GRAPH_NONE && options->create)
        result = make_tables(graph, err);
    if (result != 0) {
        ocs_graph_close(graph);
        return result;
    }
    *out = graph;
    return 0;
}

void ocs_graph_close(struct ocs_graph *graph)
{
    assert(!graph->txn.open);
    if (graph->file)
        ocs_graph_file_close(graph->file);
    free(graph);
}

bool ocs_graph_replaced(const struct ocs_graph *graph)
{
    return ocs_graph_file_replaced(graph->file);
}

bool ocs_graph_full(const struct ocs_graph *graph)
{
    return ocs_tables_full(ocs_graph_file_tables(graph->file));
}

/* ---- transactions ---- */

int ocs_graph_begin(struct ocs_graph *graph, bool write, struct ocs_graph_txn **out,
                    struct ocs_error *err)
{
    int result = begin(graph, write, err);
    if (result != 0)
        return result;
    result = read_counts(&graph->txn, err);
    if (result != 0) {
        ocs_graph_abort(&graph->txn);
        return result;
    }
    *out = &graph->txn;
    return 0;
}

int ocs_graph_commit(struct ocs_graph_txn *txn, struct ocs_error *err)
{
    int result = 0;
    if (txn->count != txn->count_stored)
        result = put_number(txn, META_COUNT, txn->count, err);
    if (result == 0)
        return end(txn, err);
    ocs_graph_abort(txn);
    return result;
}

void ocs_graph_abort(struct ocs_graph_txn *txn)
{
    txn->open = false;
    ocs_graph_file_abort(txn->graph->file);
}

uint32_t ocs_graph_count(struct ocs_graph_txn *txn)
{
    return txn->count;
}

int ocs_graph_check_pages(struct ocs_graph_txn *txn, struct ocs_error *err)
{
    return noted(txn, ocs_graph_file_check(txn->graph->file, err));
}

int ocs_graph_scan(struct ocs_graph_txn *txn, int table, void *data, ocs_graph_visit *visit,
                   struct ocs_error *err)
{
    return noted(txn, ocs_tables_each(txn->tables, (enum ocs_table)table, data, visit, err));
}

/* Ids are native u32 keys, as MDB_INTEGERKEY wants them. */
static struct ocs_slice id_key(const uint32_t *id)
{
    return slice(id, sizeof(*id));
}

/* ---- ids ---- */

static struct ocs_slice digest_key(const struct ocs_digest *digest)
{
    return slice(digest->key, digest->size);
}

static int decode_id(struct ocs_graph_txn *txn, struct ocs_slice key, struct ocs_slice value,
                     uint32_t *id)
{
    if (ocs_record_decode_id(key.bytes, key.size, value.bytes, value.size, id) != 0 ||
        *id >= txn->count)
        return corrupt(txn);
    return 0;
}

int ocs_graph_find(struct ocs_graph_txn *txn, const struct ocs_digest *digest, uint32_t *id,
                   struct ocs_error *err)
{
    struct ocs_slice value;
    int result = ocs_tables_get(txn->tables, OCS_TABLE_IDS, digest_key(digest), &value, err);
    return result == 0 ? decode_id(txn, digest_key(digest), value, id) : noted(txn, result);
}

static int put_node(struct ocs_graph_txn *txn, const struct ocs_node *node, bool last,
                    struct ocs_error *err)
{
    unsigned char bytes[OCS_NODE_RECORD_MAX];
    struct ocs_slice value = {.bytes = bytes, .size = ocs_record_encode_node(node, bytes)};
    int result = ocs_tables_put(txn->tables, OCS_TABLE_NODES, id_key(&node->id), value, last, err);
    return noted(txn, result);
}

static int make_node(struct ocs_graph_txn *txn, const struct ocs_digest *digest, uint32_t *id,
                     struct ocs_error *err)
{
    if (txn->count == UINT32_MAX)
        return ocs_error_raise(err, OCS_FAILED, "graph in '%s': out of ids",
                               ocs_graph_file_path(txn->graph->file));
    struct ocs_node node = {.id = txn->count, .digest = *digest};
    unsigned char bytes[OCS_ID_RECORD_SIZE];
    ocs_record_encode_id(digest->key, digest->size, node.id, bytes);
    int result = ocs_tables_put(txn->tables, OCS_TABLE_IDS, digest_key(digest),
                                slice(bytes, sizeof(bytes)), false, err);
    if (result == 0)
        result = put_node(txn, &node, true, err);
    if (result != 0)
        return noted(txn, result);
    txn->count++;
    *id = node.id;
    return 0;
}

int ocs_graph_intern(struct ocs_graph_txn *txn, const struct ocs_digest *digest, uint32_t *id,
                     struct ocs_error *err)
{
    int result = ocs_graph_find(txn, digest, id, err);
    return result == OCS_GRAPH_NONE ? make_node(txn, digest, id, err) : result;
}

struct each_id {
    struct ocs_graph_txn *txn;
    void *data;
    ocs_graph_visit_id *visit;
};

static int visit_id(void *data, struct ocs_slice key, struct ocs_slice value, struct ocs_error *err)
{
    struct each_id *each = data;
    uint32_t id;
    if (!ocs_digest_key_valid(key.bytes, key.size))
        return corrupt(each->txn);
    int result = decode_id(each->txn, key, value, &id);
    return result == 0 ? each->visit(each->data, key.bytes, key.size, id, err) : result;
}

int ocs_graph_each_id(struct ocs_graph_txn *txn, void *data, ocs_graph_visit_id *visit,
                      struct ocs_error *err)
{
    struct each_id each = {.txn = txn, .data = data, .visit = visit};
    return ocs_graph_scan(txn, OCS_TABLE_IDS, &each, visit_id, err);
}

/* ---- nodes ---- */

int ocs_graph_get_node(struct ocs_graph_txn *txn, uint32_t id, struct ocs_node *out,
                       struct ocs_error *err)
{
    struct ocs_slice value;
    int result = ocs_tables_get(txn->tables, OCS_TABLE_NODES, id_key(&id), &value, err);
    if (result != 0) /* ids are dense: there is no other way to ask for a wrong one */
        return expected(txn, result);
    if (ocs_record_decode_node(id, value.bytes, value.size, out) != 0)
        return corrupt(txn);
    return 0;
}

int ocs_graph_put_node(struct ocs_graph_txn *txn, const struct ocs_node *node,
                       struct ocs_error *err)
{
    assert(node->id < txn->count);
    return put_node(txn, node, false, err);
}

/* ---- children ---- */

int ocs_graph_get_children(struct ocs_graph_txn *txn, uint32_t id, struct ocs_children *out,
                           struct ocs_error *err)
{
    struct ocs_slice value;
    int result = ocs_tables_get(txn->tables, OCS_TABLE_CHILDREN, id_key(&id), &value, err);
    if (result != 0)
        return noted(txn, result);
    if (ocs_record_decode_children(id, value.bytes, value.size, out) != 0)
        return corrupt(txn);
    return out->edge_rules == OCS_EDGE_RULES ? 0 : OCS_GRAPH_NONE;
}

/* Is `id` above every parent?  Then the tree need not be searched. */
static int beyond_last_parent(struct ocs_graph_txn *txn, uint32_t id, bool *beyond,
                              struct ocs_error *err)
{
    struct ocs_slice key;
    uint32_t last;
    if (txn->last_parent == PARENT_UNKNOWN) {
        int result = ocs_tables_last_key(txn->tables, OCS_TABLE_CHILDREN, &key, err);
        if (result < 0 || result == OCS_GRAPH_CORRUPT)
            return result;
        if (result == 0 && !ocs_table_id(key, &last))
            return OCS_GRAPH_CORRUPT;
        txn->last_parent = result == 0 ? (int64_t)last : PARENT_NONE;
    }
    *beyond = id > txn->last_parent;
    return 0;
}

int ocs_graph_put_children(struct ocs_graph_txn *txn, uint32_t id, const struct ocs_child *children,
                           uint32_t count, struct ocs_error *err)
{
    assert(id < txn->count);
    size_t size = ocs_record_children_size(count);
    auto_free unsigned char *bytes = malloc(size);
    if (!bytes)
        return ocs_error_memory(err);
    ocs_record_encode_children(id, children, count, bytes);
    bool beyond = false;
    int result = beyond_last_parent(txn, id, &beyond, err);
    if (result == 0)
        result = ocs_tables_put(txn->tables, OCS_TABLE_CHILDREN, id_key(&id), slice(bytes, size),
                                beyond, err);
    if (result == 0 && beyond)
        txn->last_parent = id;
    return noted(txn, result);
}
