/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_GRAPH_FILE_H
#define OCS_STORE_GRAPH_FILE_H

/* data.mdb under graph.lock: whether it can be trusted to LMDB, and transactions
 * that hold the lock.
 *
 *   always      every page is checked when the file is opened, and again when
 *               everything is read and somebody has written meanwhile
 *   dirty mark  A writer leaves the file `dirty` with the id of this boot beside
 *               data.mdb, durably, before its first transaction, and removes it
 *               when it ends.  A process that dies harms nothing, since the page
 *               cache outlives it: only a mark of another boot, that is a power
 *               cut under a writer, makes the next one check everything.
 *
 * The mark is no record in the graph, because then it could be read only by
 * trusting what it warns of. */

#include "graph_tables.h"
#include "lock.h"

struct ocs_graph_file;

struct ocs_graph_file_options {
    int dir_fd;                       /* borrowed for the call */
    const char *path;                 /* the same */
    int lock_fd;                      /* borrowed until it is closed */
    const struct ocs_lock_wait *wait; /* for the lock; borrowed like it; NULL: no limit */
    bool create;
};

/* Positive: OCS_TABLES_NONE when it is not there and not to be made,
 * OCS_TABLES_CORRUPT. */
int ocs_graph_file_open(const struct ocs_graph_file_options *options, struct ocs_graph_file **out,
                        struct ocs_error *err);
void ocs_graph_file_close(struct ocs_graph_file *file);

struct ocs_tables *ocs_graph_file_tables(struct ocs_graph_file *file);
const char *ocs_graph_file_path(const struct ocs_graph_file *file);

/* The power went under a writer.  The pages are sound, but one that never reached
 * the disk can be an older one: read all records before you say _trust. */
bool ocs_graph_file_doubtful(const struct ocs_graph_file *file);
void ocs_graph_file_trust(struct ocs_graph_file *file);

/* Records that damage was seen: the mark stays, no transaction begins any more.
 * Returns OCS_TABLES_CORRUPT. */
int ocs_graph_file_corrupt(struct ocs_graph_file *file);

/* The file under the name is not the one that is open. */
bool ocs_graph_file_replaced(const struct ocs_graph_file *file);

/* Every page, as it is committed, unless nobody has committed since that was done.
 * Inside a transaction. */
int ocs_graph_file_check(struct ocs_graph_file *file, struct ocs_error *err);

/* OCS_TABLES_CORRUPT also when the file was replaced. */
int ocs_graph_file_begin(struct ocs_graph_file *file, bool write, struct ocs_error *err);
/* The transaction is over in any case. */
int ocs_graph_file_commit(struct ocs_graph_file *file, struct ocs_error *err);
void ocs_graph_file_abort(struct ocs_graph_file *file);

#endif
