/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_ROOTS_H
#define OCS_STORE_ROOTS_H

/* Which layouts exist, and their last good index.json: roots/<id>.json, one for
 * each layout ever seen.  <id> is the first 16 hex digits of the SHA-256 of the
 * name.  The first line is a JSON object {name, path, attached, index_size,
 * index_sha256}; the bytes of index.json follow as they are.  store.json holds
 * how many entries there are, and which, so that a lost one is noticed (roots_count).
 * Locking: changes are made under flock of the roots folder itself. */

#include "layout.h"
#include "lock.h"
#include "seen.h"

#define OCS_ROOT_ID_SIZE 17

/* Components [A-Za-z0-9_][A-Za-z0-9._-]* separated by '/', none of them "blobs",
 * "index.json" or "oci-layout"; at most 255 bytes; or "." for a store in place. */
bool ocs_layout_name_valid(const char *name);
/* What a layout's folder is called: the last component as it is written, also of a link;
 * "." and ".." have the name of the folder that they are.  NULL: no memory. */
char *ocs_layout_name_of_path(const char *path);
/* Fails when there is no memory for a digest. */
int ocs_root_id(const char *name, char out[OCS_ROOT_ID_SIZE], struct ocs_error *err);

struct ocs_root {
    char *name;
    char *path;  /* relative to the store, or absolute when attached */
    char *given; /* attached by a path that leads over a link: that one, absolute; else NULL */
    bool attached;
    bool registered;           /* has an entry in roots/; else it was only seen below layouts/ */
    struct ocs_index_sum last; /* registered: of its last good index.json; zeros: none */
};

/* The layout that hints propose for an image that no layout lists. */
#define OCS_ROOT_FOUND_NAME "recovered"

/* What helps where its index.json is lost and the entry has the last good one ... */
#define OCS_ROOT_MEND_HELP "ocistore fsck --repair puts back the last good index.json"
/* ... and where it is there and cannot be read: that is no damage. */
#define OCS_ROOT_READ_HELP                                                                         \
    "index.json is not damaged as far as anybody knows: give the permission to read it (chmod, "   \
    "chown), or run as its owner; if that is not it, look at the disk"
/* For an index.json whose reading ended with `fault`: OCS_REFUSED where it was looked at,
 * and is absent or no index.  NULL: there is no last good one. */
const char *ocs_root_help(const struct ocs_root *root, enum ocs_status fault);
/* After a positive result of ocs_index_read: the same as a hint. Returns -OCS_REFUSED. */
int ocs_root_refuse(const struct ocs_root *root, struct ocs_error *err);
/* After an error about a folder that is not there: ocs_root_missing_help as its hint.
 * Returns `result`. */
int ocs_root_hint_missing(const struct ocs_root *root, int result, struct ocs_error *err);

/* "; if the layout is gone for good: ..." with the command that unregisters it, behind
 * another hint; "" for that of a store in place, which is registered as long as it is there. */
const char *ocs_root_gone_help(const struct ocs_root *root, char *buffer, size_t size);

/* The path by which an attached folder was given leads elsewhere now, be it that a link has come
 * into it, or nowhere while the folder is there: what is written through it may be in none of the
 * layouts. */
bool ocs_root_led_away(const struct ocs_root *root);

/* What helps where the folder is not there, or the given path leads elsewhere. */
const char *ocs_root_missing_help(const struct ocs_root *root, char *buffer, size_t size);
#define OCS_ROOT_HELP_SIZE (4 * OCS_LAYOUT_NAME_MAX)

void ocs_root_clear(struct ocs_root *root);
/* A copy of its own; `out` is as it was when there is no memory. */
int ocs_root_copy(const struct ocs_root *root, struct ocs_root *out, struct ocs_error *err);

struct ocs_roots {
    struct ocs_root *items; /* sorted by name */
    size_t count;
    bool damaged; /* an entry cannot be read, or there are fewer than counted */
    char path[2 * OCS_LAYOUT_NAME_MAX]; /* when damaged: where */
    char trouble[640];                  /* which */
    const char *help;                   /* what to do about it */
    bool all_seen; /* that is all: as many are missing as layouts are seen without, just those */
};
void ocs_roots_clear(struct ocs_roots *roots);
/* NULL when there is none of that name. */
const struct ocs_root *ocs_roots_find(const struct ocs_roots *roots, const char *name);
/* Whether a layout may be called so, and none is. */
bool ocs_roots_is_free(const struct ocs_roots *roots, const char *name);
/* LIKE-1, LIKE-2 and so on, the first that is free; false: none is. */
bool ocs_roots_free_name(const struct ocs_roots *roots, const char *like, char *out, size_t size);

#define OCS_ROOTS_DAMAGED 10 /* an entry of roots/ is not as it was written */

struct ocs_roots_place {
    int store_dir;
    int state_dir;
    const struct ocs_lock_wait *wait; /* for the lock of roots/; NULL: as long as it takes */
};

/* Every layout there is: the entries of roots/, and the folders below layouts/
 * with an index.json or oci-layout that have none. */
int ocs_roots_read(const struct ocs_roots_place *place, struct ocs_roots *out,
                   struct ocs_error *err);
/* Where a layout of that name is, or would be made: its entry, else layouts/<name>
 * ("." for "."), not registered.  Free with ocs_root_clear.
 * Positive: OCS_ROOTS_DAMAGED. */
int ocs_roots_locate(const struct ocs_roots_place *place, const char *name, struct ocs_root *out,
                     struct ocs_error *err);
/* Make or replace the entry of a layout with its last good index.json. */
int ocs_roots_put(const struct ocs_roots_place *place, const struct ocs_root *root,
                  const struct ocs_bytes *index, struct ocs_error *err);
/* Make the damaged entry of a layout anew, the damaged one kept beside it.
 * Positive: OCS_IO_ABSENT when there is none, OCS_IO_NOT_REGULAR. */
int ocs_roots_rewrite(const struct ocs_roots_place *place, const struct ocs_root *root,
                      const struct ocs_bytes *index, struct ocs_error *err);
/* The same as _put for a layout that was read, unless the entry holds just these bytes, or
 * the layout is neither registered nor there any more. */
int ocs_roots_remember(const struct ocs_roots_place *place, const struct ocs_root *root,
                       const struct ocs_bytes *index, struct ocs_error *err);
/* The bytes of its last good index.json. Positive: OCS_IO_ABSENT when there are
 * none yet, OCS_ROOTS_DAMAGED. */
int ocs_roots_last_index(const struct ocs_roots_place *place, const char *name,
                         struct ocs_bytes *out, struct ocs_error *err);
/* Unregister; the entry goes to trash/<run>/roots/. Absent is fine. */
int ocs_roots_remove(const struct ocs_roots_place *place, const char *name, const char *run,
                     struct ocs_error *err);
/* The same, and `then` moves the layout's folder while nobody can list roots/ and
 * layouts/, or register what he has seen there.  It must not use this module. */
struct ocs_roots_then {
    void *data;
    int (*call)(void *data, struct ocs_error *err);
};
int ocs_roots_remove_and(const struct ocs_roots_place *place, const char *name, const char *run,
                         const struct ocs_roots_then *then, struct ocs_error *err);
/* Somebody accepts that entries are lost: damaged ones go to trash/<run>/roots/, and
 * the count becomes what is there.  *lost: how many were damaged or missing. */
int ocs_roots_give_up_lost(const struct ocs_roots_place *place, const char *run, uint64_t *lost,
                           struct ocs_error *err);

#endif
