/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_GRAPH_TABLES_H
#define OCS_STORE_GRAPH_TABLES_H

/* The four tables of the graph in LMDB, one transaction at a time: bytes under
 * keys, and what LMDB's result codes mean.  The only user of LMDB.
 *
 * Locking: the caller holds graph.lock while it opens, and from begin to the end
 * of the transaction (exclusive for a write).  One thread only.  LMDB forbids to open
 * an environment twice in a process, or to use it after fork(2).
 *
 * Positive results are those of graph.h: OCS_GRAPH_NONE, OCS_GRAPH_CORRUPT. */

#include "ocistore.h"

#include <string.h>

#define OCS_TABLES_NONE    1
#define OCS_TABLES_CORRUPT 2

enum ocs_table {
    OCS_TABLE_META,     /* name -> bytes */
    OCS_TABLE_IDS,      /* digest -> id */
    OCS_TABLE_NODES,    /* id -> node */
    OCS_TABLE_CHILDREN, /* id -> edges */
    OCS_TABLE_KINDS
};

/* Read from a table it points into the map: good until the next write or the
 * end of the transaction. */
struct ocs_slice {
    const void *bytes;
    size_t size;
};

/* The id that a key of `nodes` and `children` is; false when it is none. */
static inline bool ocs_table_id(struct ocs_slice key, uint32_t *id)
{
    if (key.size != sizeof(*id))
        return false;
    memcpy(id, key.bytes, sizeof(*id));
    return true;
}

struct ocs_tables;

/* Opens `folder`/data.mdb, which is made when absent; read-only when the file
 * may not be written.  `map` is how many bytes of address space to take, less
 * when there is not as much. */
#define OCS_TABLES_MAP (64ull << 30)
int ocs_tables_open(const char *folder, uint64_t map, struct ocs_tables **out,
                    struct ocs_error *err);
void ocs_tables_close(struct ocs_tables *tables);
bool ocs_tables_read_only(const struct ocs_tables *tables);

/* Before a write the map is enlarged when it could become too small.  Should it
 * be full in the middle, the transaction fails and the next one has more room:
 * *_full says that trying again is worth it. */
int ocs_tables_begin(struct ocs_tables *tables, bool write, struct ocs_error *err);
/* The transaction is over in any case. */
int ocs_tables_commit(struct ocs_tables *tables, struct ocs_error *err);
void ocs_tables_abort(struct ocs_tables *tables);
bool ocs_tables_full(const struct ocs_tables *tables);

/* Once, in the first transaction, which must be committed: find the tables, or
 * make them.  OCS_TABLES_NONE: the file has none. */
int ocs_tables_attach(struct ocs_tables *tables, bool create, struct ocs_error *err);

int ocs_tables_get(struct ocs_tables *tables, enum ocs_table table, struct ocs_slice key,
                   struct ocs_slice *value, struct ocs_error *err);
/* `last`: the key is known to be above all others (no search; OCS_TABLES_CORRUPT
 * when it is not). */
int ocs_tables_put(struct ocs_tables *tables, enum ocs_table table, struct ocs_slice key,
                   struct ocs_slice value, bool last, struct ocs_error *err);
int ocs_tables_entries(struct ocs_tables *tables, enum ocs_table table, uint64_t *count,
                       struct ocs_error *err);
/* OCS_TABLES_NONE when the table is empty. */
int ocs_tables_last_key(struct ocs_tables *tables, enum ocs_table table, struct ocs_slice *key,
                        struct ocs_error *err);
/* In key order; a result of `visit` other than 0 stops and is returned. */
int ocs_tables_each(struct ocs_tables *tables, enum ocs_table table, void *data,
                    int (*visit)(void *data, struct ocs_slice key, struct ocs_slice value,
                                 struct ocs_error *err),
                    struct ocs_error *err);

#endif
