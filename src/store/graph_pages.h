/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_GRAPH_PAGES_H
#define OCS_STORE_GRAPH_PAGES_H

/* Looks at the pages of data.mdb without LMDB, which trusts what it reads: on a
 * truncated file it dies of SIGBUS, on a zeroed page of abort(), on a garbage
 * page of anything.  What passes the check, LMDB can walk.
 *
 * Only reads, by pread(2): an I/O error is an error and no signal.
 * Locking: the caller holds graph.lock. */

#include "ocistore.h"

#define OCS_PAGES_BROKEN 1
#define OCS_PAGES_EMPTY  2 /* not yet, or only half made: holds nothing */

/* What the newest of the two meta pages says. */
struct ocs_pages {
    uint64_t file_size;
    uint64_t last_page; /* the highest ever given out; the file may end before a free one */
    uint32_t page_size;
    uint64_t transaction; /* the last one that was committed */
};

/* Positive: OCS_PAGES_BROKEN, OCS_PAGES_EMPTY. */
int ocs_pages_look(int fd, struct ocs_pages *out, struct ocs_error *err);

/* Every page that is reachable: within the file, used once, well formed, keys in
 * order, counts as said; and no free page in use.  The tables must be ours.
 * Positive: OCS_PAGES_BROKEN, OCS_PAGES_EMPTY. */
int ocs_pages_check(int fd, struct ocs_error *err);

#endif
