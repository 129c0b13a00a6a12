/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_PURGE_H
#define OCS_GC_PURGE_H

/* What goes from the trash: everything in runs older than `trash_for`, except
 * blobs that the mark reaches and that are not back in place, verified. */

#include "mark.h"
#include "store/trash.h"

struct ocs_purge_item {
    char *path; /* in the run */
    bool blob;
    uint64_t bytes;
    char run[OCS_RUN_NAME_SIZE];
};

struct ocs_purge {
    struct ocs_purge_item *items; /* by run and path */
    size_t count;
    uint64_t bytes;
};

struct ocs_purge_options {
    int64_t now;
    int64_t trash_for_s;
    const char *own_run; /* goes whatever its age; or NULL */
};

/* Positive: OCS_GRAPH_CORRUPT. */
int ocs_purge_plan(struct ocs_store *store, const struct ocs_census *census,
                   const struct ocs_mark *mark, const struct ocs_purge_options *options,
                   struct ocs_purge *out, struct ocs_error *err);
void ocs_purge_clear(struct ocs_purge *purge);
void ocs_purge_show(const struct ocs_purge *purge, const struct ocs_gc_options *options);

/* Unlink them, with several threads and without a lock. */
int ocs_purge_run(struct ocs_store *store, const struct ocs_purge *purge, unsigned jobs,
                  struct ocs_error *err);
/* Remove the folders of runs that hold nothing any more. */
int ocs_purge_tidy(struct ocs_store *store, const struct ocs_purge_options *options,
                   struct ocs_error *err);

#endif
