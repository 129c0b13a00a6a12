/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_GRAPH_H
#define OCS_STORE_GRAPH_H

/* The reference graph in LMDB: nodes and edges, in explicit transactions.
 * A cache: deleting it loses nothing but time.
 *
 * Locking: LMDB runs with MDB_NOLOCK under graph.lock, which ocs_graph_begin
 * takes shared for a read and exclusive for a write transaction and the end of
 * the transaction gives back.  Keep read transactions short, wait for no other
 * lock inside one.  One thread only.
 *
 * Every function may return the positive OCS_GRAPH_CORRUPT: a record failed its
 * check, or LMDB said so.  Then nothing that was read counts; the owner
 * (ocs_store_graph_rebuild) starts a new graph. */

#include "record.h"

#define OCS_GRAPH_NONE    1
#define OCS_GRAPH_CORRUPT 2

struct ocs_graph;
struct ocs_graph_txn;

struct ocs_graph_options {
    int dir_fd;                       /* the folder that holds data.mdb; borrowed for the call */
    const char *path;                 /* the same as a path, for LMDB and for messages */
    int lock_fd;                      /* graph.lock, borrowed */
    const struct ocs_lock_wait *wait; /* for it; borrowed until the graph is closed; or NULL */
    bool create;
};

/* Before LMDB sees the file every page is checked, after a power cut under a
 * writer every record too.  A file that may not
 * be written is opened for reading.  Takes graph.lock and gives it back.
 * Positive: OCS_GRAPH_NONE when it is not there and not to be created,
 * OCS_GRAPH_CORRUPT.  Negative also: made by a newer ocistore. */
int ocs_graph_open(const struct ocs_graph_options *options, struct ocs_graph **out,
                   struct ocs_error *err);
void ocs_graph_close(struct ocs_graph *graph);

/* The file under the name is not the one that was opened: somebody else built a
 * new one or removed it.  Then ocs_graph_begin says OCS_GRAPH_CORRUPT, since ids
 * known from before mean nothing, but there is nothing to move away: open again. */
bool ocs_graph_replaced(const struct ocs_graph *graph);
/* The last write failed because the map was full. The next transaction has more
 * room: try again. */
bool ocs_graph_full(const struct ocs_graph *graph);

int ocs_graph_begin(struct ocs_graph *graph, bool write, struct ocs_graph_txn **out,
                    struct ocs_error *err);
/* The transaction is over in any case: ocs_graph_commit(TAKE_PTR(txn), err). */
int ocs_graph_commit(struct ocs_graph_txn *txn, struct ocs_error *err);
void ocs_graph_abort(struct ocs_graph_txn *txn);

static inline void ocs_cleanup_graph_txn(struct ocs_graph_txn **txn)
{
    if (*txn)
        ocs_graph_abort(*txn);
}
#define auto_graph_txn __attribute__((cleanup(ocs_cleanup_graph_txn)))

/* Ids are dense, from 0, and never reused. */
uint32_t ocs_graph_count(struct ocs_graph_txn *txn);

/* OCS_GRAPH_NONE when the digest is not known. */
int ocs_graph_find(struct ocs_graph_txn *txn, const struct ocs_digest *digest, uint32_t *id,
                   struct ocs_error *err);
/* Find or make (an UNREAD node). Sort the digests first: see doc/performance.md. */
int ocs_graph_intern(struct ocs_graph_txn *txn, const struct ocs_digest *digest, uint32_t *id,
                     struct ocs_error *err);
int ocs_graph_get_node(struct ocs_graph_txn *txn, uint32_t id, struct ocs_node *out,
                       struct ocs_error *err);
int ocs_graph_put_node(struct ocs_graph_txn *txn, const struct ocs_node *node,
                       struct ocs_error *err);

/* OCS_GRAPH_NONE: no edges are known, or they are of other edge rules.
 * *out points into the map and lives until the transaction's next write or end. */
int ocs_graph_get_children(struct ocs_graph_txn *txn, uint32_t id, struct ocs_children *out,
                           struct ocs_error *err);
int ocs_graph_put_children(struct ocs_graph_txn *txn, uint32_t id, const struct ocs_child *children,
                           uint32_t count, struct ocs_error *err);

/* Every (digest's key, id) in key order; a positive result of `visit` stops and is
 * returned. */
typedef int ocs_graph_visit_id(void *data, const unsigned char *key, size_t size, uint32_t id,
                               struct ocs_error *err);
int ocs_graph_each_id(struct ocs_graph_txn *txn, void *data, ocs_graph_visit_id *visit,
                      struct ocs_error *err);

/* The whole graph in arrays indexed by id, for work that looks at everything. */
struct ocs_graph_view {
    uint32_t count;
    uint8_t *kind;  /* enum ocs_node_kind; UNREAD where edges have other rules */
    uint8_t *flags; /* enum ocs_node_flag */
    uint64_t *size;
    int64_t *unreferenced_since;
    uint32_t *first;            /* count + 1 entries: children of i are [first[i], first[i+1]) */
    struct ocs_child *children; /* packed id and role */
};

/* Looks at every page without LMDB first when somebody has written since that was
 * done, so that no damage ends the program. */
int ocs_graph_load(struct ocs_graph_txn *txn, struct ocs_graph_view *out, struct ocs_error *err);
void ocs_graph_view_clear(struct ocs_graph_view *view);

/* Everything there is to check, for fsck: every page and record, as _load does,
 * and that ids and nodes agree. */
int ocs_graph_check(struct ocs_graph_txn *txn, struct ocs_error *err);

/* Small named values.  Names that begin with "graph." are this module's own.
 * `size` is exact: another one is corruption.  Positive: OCS_GRAPH_NONE. */
#define OCS_GRAPH_META_NAME_MAX 60
#define OCS_GRAPH_META_MAX      256
int ocs_graph_get_meta(struct ocs_graph_txn *txn, const char *name, void *out, size_t size,
                       struct ocs_error *err);
int ocs_graph_put_meta(struct ocs_graph_txn *txn, const char *name, const void *bytes, size_t size,
                       struct ocs_error *err);

/* For graph_view and graph_check: the committed pages, and every record of a
 * table as it is. */
int ocs_graph_check_pages(struct ocs_graph_txn *txn, struct ocs_error *err);
struct ocs_slice;
typedef int ocs_graph_visit(void *data, struct ocs_slice key, struct ocs_slice value,
                            struct ocs_error *err);
int ocs_graph_scan(struct ocs_graph_txn *txn, int table /* enum ocs_table */, void *data,
                   ocs_graph_visit *visit, struct ocs_error *err);

#endif
