/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_LEFTOVERS_H
#define OCS_GC_LEFTOVERS_H

/* Temporary files of known tools: in blobs/, in the folders below layouts/ and in
 * a store in place.  A folder that such a tool makes for itself goes as a whole or
 * not at all, and stays when anything else is in it.  Layouts elsewhere are not
 * looked into. */

#include "play.h"
#include "store/census.h"
#include "store/journal.h"

enum ocs_leftover_state {
    OCS_LEFTOVER_DUE,
    OCS_LEFTOVER_WAITING, /* it changed within the grace */
    OCS_LEFTOVER_IN_USE,  /* its tool is still there */
};

struct ocs_leftover {
    char *path;       /* in the store's folder */
    size_t folder;    /* how much of it is the folder that goes with it; 0: none */
    bool locked;      /* by that folder's flock, as umoci does */
    bool empty;       /* it is that folder, and nothing is in it */
    const char *tool; /* whose */
    enum ocs_leftover_state state;
    int64_t latest; /* change of it or of anything in its folder, in seconds */
    int64_t due;
    struct ocs_stamp stamp;
    uint64_t bytes; /* that unlinking frees */
};

struct ocs_leftovers {
    struct ocs_leftover *items; /* by path */
    size_t count;
    uint64_t due, due_bytes;
    uint64_t waiting, waiting_bytes; /* in use, too */
    uint64_t others;                 /* in blobs/, with such a name, but no regular files */
};

struct ocs_leftovers_options {
    int64_t now;
    int64_t grace_s;
};

int ocs_leftovers_find(struct ocs_store *store, const struct ocs_census *census,
                       const struct ocs_leftovers_options *options, struct ocs_leftovers *out,
                       struct ocs_error *err);
void ocs_leftovers_clear(struct ocs_leftovers *leftovers);
void ocs_leftovers_show(const struct ocs_leftovers *leftovers,
                        const struct ocs_gc_options *options);

struct ocs_leftovers_sweep {
    struct ocs_store *store;
    const char *run; /* of the trash */
    struct ocs_journal *journal;
    bool now; /* what no space is left to move is unlinked */
    struct ocs_gc_report *report;
};
/* Moves what is due, is still as it was found, and is not in use to
 * trash/<run>/temporary/<path>, in batches under the sweep's lock. */
int ocs_leftovers_sweep(const struct ocs_leftovers_sweep *sweep,
                        const struct ocs_leftovers *leftovers, struct ocs_error *err);

/* How it is used now. Positive: OCS_IO_ABSENT, also when it is another file by now. */
int ocs_leftover_use(int store_dir, const struct ocs_leftover *item, bool *in_use, bool *untold,
                     struct ocs_error *err);
/* The flock of its folder; *fd -1: it has none.  Positive: OCS_IO_ABSENT, or
 * OCS_LEFTOVER_TAKEN. */
#define OCS_LEFTOVER_TAKEN 9
int ocs_leftover_lock(int store_dir, const struct ocs_leftover *item, int *fd,
                      struct ocs_error *err);

#endif
