/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_GC_WATCH_H
#define OCS_GC_WATCH_H

/* Whether a mark still holds: the list of layouts, the bytes of every
 * index.json, docker save's manifest.json, the names in blobs/ and the files
 * there that could not be read yet.  Cheap enough for looking under the lock.
 *
 * Names that come and go are seen by the change time of the folders, so no
 * folder is listed again while nothing happened in it. */

#include "saved.h"
#include "store/census.h"

struct ocs_watch_folder {
    char *name;
    struct ocs_stamp stamp;
};

struct ocs_watch {
    struct ocs_watch_folder *folders; /* blobs/ as "." and each folder in it */
    size_t folder_count;
    bool fresh; /* one of them changed so shortly ago that its time proves nothing */
};

/* Before the census is taken: what happens from here on is seen.
 * OCS_REFUSED when blobs/ or a folder in it is a link. */
int ocs_watch_begin(struct ocs_store *store, struct ocs_watch *out, struct ocs_error *err);
void ocs_watch_clear(struct ocs_watch *watch);

/* Positive: some layout came, went, or has other bytes. */
#define OCS_WATCH_CHANGED 1
int ocs_watch_roots(struct ocs_store *store, const struct ocs_census *census,
                    const struct ocs_saved *saved, struct ocs_error *err);
/* Positive: OCS_WATCH_CHANGED when blobs/ got or lost a name. */
int ocs_watch_blobs(struct ocs_store *store, const struct ocs_watch *watch, struct ocs_error *err);

#endif
