/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_EDIT_H
#define OCS_STORE_EDIT_H

/* Read, change and write one layout's index.json, under its lock and beside
 * writers that know no lock: what somebody else wrote in between is merged by
 * doing it once more. */

#include "store.h"

struct ocs_edit {
    const struct ocs_root *root;
    bool create;     /* a layout that is not there is made (in the store only) */
    const char *run; /* the old index.json goes to trash/<run>/layouts/<name>/; NULL: dropped */
    void *data;
    /* Says what changes: `change->keep` holds true for each entry, `add` is empty.
     * Texts in `add` stay the maker's.  Called again when somebody else wrote.
     * Positive: OCS_EDIT_NOTHING, leave the index as it is. */
    int (*make)(void *data, const struct ocs_index *index, struct ocs_index_edit *change,
                struct ocs_error *err);
    /* After the change is durable; may be NULL. */
    void (*done)(void *data, const struct ocs_index *index, const struct ocs_index_edit *change);
};

#define OCS_EDIT_NOTHING 20

/* Needs the store lock, takes the layout's, brings roots/ up to date.
 * Errors: OCS_REFUSED an index that cannot be read, OCS_BUSY somebody keeps writing. */
int ocs_edit(struct ocs_store *store, const struct ocs_edit *edit, struct ocs_error *err);

/* The same while the caller holds the layout's lock. */
int ocs_edit_locked(struct ocs_store *store, const struct ocs_edit *edit, struct ocs_error *err);

/* The layout's lock; close *fd to give it back. */
int ocs_edit_lock(struct ocs_store *store, const char *layout, int *fd, struct ocs_error *err);

#endif
