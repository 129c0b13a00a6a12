/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_LOCK_H
#define OCS_STORE_LOCK_H

/* The flock(2) files and their order: gc or fsck, gate, store, layout, graph.
 * flock dies with the process, and an administrator can take it with flock(1).
 * Never wait for one inside a graph transaction. */

#include "ocistore.h"

enum ocs_lock_kind {
    OCS_LOCK_GC,
    OCS_LOCK_FSCK,
    OCS_LOCK_GATE,
    OCS_LOCK_STORE,
    OCS_LOCK_GRAPH,
    OCS_LOCK_KINDS
};

struct ocs_locks; /* the files are held open; .ocistore/locks */

/* Missing lock files are made (init makes them all). */
int ocs_locks_open(int state_dir, struct ocs_locks **out, struct ocs_error *err);
void ocs_locks_close(struct ocs_locks *locks);
int ocs_locks_fd(const struct ocs_locks *locks, enum ocs_lock_kind kind);

struct ocs_lock_wait {
    int64_t timeout_ms;            /* -1: as long as it takes; 0: at once or not at all */
    const struct ocs_hooks *hooks; /* told after 5 s what is waited for; may cancel */
    int64_t notice_ms;             /* 0: those 5 s */
    int64_t spell_ms;              /* 0: the minute that ocs_lock_sweep keeps the gate shut */
};

/* Negative: OCS_BUSY after the timeout, OCS_INTERRUPTED. */
int ocs_lock_take(struct ocs_locks *locks, enum ocs_lock_kind kind, bool exclusive,
                  const struct ocs_lock_wait *wait, struct ocs_error *err);
void ocs_lock_release(struct ocs_locks *locks, enum ocs_lock_kind kind);

/* gate shared, store shared, gate released: what every writer begins with.
 * Below `ocistore hold` (OCISTORE_HELD names this store) the gate is skipped. */
int ocs_lock_writer(struct ocs_locks *locks, const struct ocs_lock_wait *wait,
                    struct ocs_error *err);
/* gate exclusive, then store exclusive; both until ocs_lock_sweep_end.  The gate
 * is opened again for a moment after each minute without the store, and between
 * two sweeps of one process, so that writers that wait get through.
 * Gives up with OCS_BUSY after 10 min, whatever `wait` says beyond that, and at
 * once below `ocistore hold` of this store, which would never end. */
int ocs_lock_sweep(struct ocs_locks *locks, const struct ocs_lock_wait *wait,
                   struct ocs_error *err);
void ocs_lock_sweep_end(struct ocs_locks *locks);

/* flock on any file that is open; `what` names it while waiting. */
int ocs_lock_file(int fd, bool exclusive, const char *what, const struct ocs_lock_wait *wait,
                  struct ocs_error *err);
void ocs_unlock_file(int fd);
/* The same for what others have for a moment, unless they were stopped: only after 2 s is
 * the time over or the cancel hook asked, so that a run does not end half done for a
 * moment's sake, and one that was interrupted can write down what it did.  `wait` NULL:
 * as long as it takes. */
int ocs_lock_briefly(int fd, bool exclusive, const char *what, const struct ocs_lock_wait *wait,
                     struct ocs_error *err);
#define OCS_LOCK_GRAPH_WHAT "the graph lock"

/* Exclusive, around read-modify-write of one layout's index.json:
 * locks/layouts/<id>.lock.  *fd is the lock; close it to give it back. */
int ocs_lock_layout(struct ocs_locks *locks, const char *id, const struct ocs_lock_wait *wait,
                    int *fd, struct ocs_error *err);

/* The value of OCISTORE_HELD for what runs below `hold`: what it is now and this
 * store's mark.  Free it.  NULL: no memory, or the folder cannot be looked at. */
#define OCS_LOCK_HELD_VARIABLE "OCISTORE_HELD"
char *ocs_lock_held_value(int state_dir);
/* This process runs below `hold` of this store. */
bool ocs_lock_is_held(int state_dir);

#endif
