/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_ROOTS_H
#define OCS_STORE_ROOTS_H

/* Which layouts exist, and their last good index.json: roots/<id>.json, one for
 * each layout ever seen.  <id> is the first 16 hex digits of the SHA-256 of the
 * name.  store.json holds how many there are, so that a lost one is noticed:
 * an entry is made before the count is raised, and the count is lowered before
 * an entry goes.
 * Locking: changes are made under flock of the roots folder itself. */

#include "layout.h"
#include "lock.h"

#define OCS_ROOT_ID_SIZE 17
#define OCS_LAYOUT_NAME_MAX 255

/* Components [A-Za-z0-9_][A-Za-z0-9._-]* separated by '/', none of them
 * "blobs"; at most 255 bytes; or "." for a store in place. */
bool ocs_layout_name_valid(const char *name);
void ocs_root_id(const char *name, char out[OCS_ROOT_ID_SIZE]);

struct ocs_root {
    char *name;
    char *path;    /* relative to the store, or absolute when attached */
    bool attached;
    struct ocs_bytes index; /* the bytes of its last good index.json; size 0: none yet */
};
void ocs_root_clear(struct ocs_root *root);

struct ocs_roots {
    struct ocs_root *items; /* sorted by name */
    size_t count;
};
void ocs_roots_clear(struct ocs_roots *roots);

struct ocs_roots_place {
    int store_dir;
    int state_dir;
    const struct ocs_lock_wait *wait;
};

#define OCS_ROOTS_DAMAGED 1 /* an entry cannot be read, or there are fewer than counted */
/* Every entry.  Folders below layouts/ with an index.json or oci-layout that have
 * none are registered on sight (`register_new`; else only listed). */
int ocs_roots_read(const struct ocs_roots_place *place, bool register_new, struct ocs_roots *out,
                   struct ocs_error *err);
/* Make or replace the entry of a layout (fsync, rename, fsync of the folder). */
int ocs_roots_put(const struct ocs_roots_place *place, const struct ocs_root *root,
                  struct ocs_error *err);
/* Unregister; the entry goes to trash/<run>/roots/. Absent is fine. */
int ocs_roots_remove(const struct ocs_roots_place *place, const char *name, const char *run,
                     struct ocs_error *err);

#endif
