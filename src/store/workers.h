/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_WORKERS_H
#define OCS_STORE_WORKERS_H

/* A bounded pool of threads: items in, results back to the calling thread,
 * cancel, progress tick.  On libuv threads of our own.
 *
 * A worker function runs once per thread, asks for items until there are none
 * and gives each back when done, in any order: it may hold several at a time.
 * Items are given back on the calling thread by `on_done`, which may add more.
 * Workers never touch the graph or another thread's error. */

#include "ocistore.h"

/* Embedded as the first member of whatever a worker works on. */
struct ocs_work {
    struct ocs_work *next;
};

struct ocs_workers;

/* For the worker function (any thread): */

/* The next item, or NULL when all work is done or cancelled.  Waits while other
 * items are under way, since they may bring new ones, unless `hold` says that
 * the worker holds unfinished items itself: then NULL at once when none is ready, or
 * when another worker holds less than half as many. */
struct ocs_work *ocs_workers_take(struct ocs_workers *workers, bool hold);
void ocs_workers_give(struct ocs_workers *workers, struct ocs_work *item);
bool ocs_workers_cancelled(struct ocs_workers *workers);
/* Adds to the progress; call per buffer. */
void ocs_workers_progress(struct ocs_workers *workers, uint64_t bytes);

struct ocs_workers_options {
    unsigned threads;     /* 0: the processors available */
    const char *phase;    /* for progress */
    uint64_t blobs_total; /* may grow by ocs_workers_add */
    uint64_t bytes_total;
    const struct ocs_hooks *hooks;
    void *data;
    /* One thread's life; `data` is shared, so it must be const to it or locked.
     * A thread that cannot work (no memory) returns early; when all do, the run
     * ends with OCS_FAILED. */
    void (*work)(struct ocs_workers *workers, void *data);
    /* On the calling thread.  A result other than 0 ends the run with it, and no
     * further item is given back. */
    int (*on_done)(struct ocs_workers *workers, void *data, struct ocs_work *item,
                   struct ocs_error *err);
};

/* Works off `items` (a list) and everything added; returns when all were given
 * back.  Fewer threads than asked for is no error, none at all is.
 * Cancelled: OCS_INTERRUPTED; items that no worker took are not given back: the
 * caller owns every item all the time, by a list or array of its own (`next`
 * belongs to the pool). */
int ocs_workers_run(const struct ocs_workers_options *options, struct ocs_work *items,
                    struct ocs_error *err);

/* For on_done: more work; counts as one blob and `bytes`. */
void ocs_workers_add(struct ocs_workers *workers, struct ocs_work *item, uint64_t bytes);
/* For on_done: shown in the progress. */
void ocs_workers_error(struct ocs_workers *workers);

unsigned ocs_processors(void);

#endif
