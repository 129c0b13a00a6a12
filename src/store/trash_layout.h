/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_TRASH_LAYOUT_H
#define OCS_STORE_TRASH_LAYOUT_H

/* What rm left of a layout's list in a run of the trash. */

#include "merge.h"

/* "layouts/<name><after>" -> the name, in `out`; without a name it is the one of a store in
 * place. */
bool ocs_trash_layout_of(const char *path, const char *after, char *out, size_t size);

/* The index.json that a run has of a layout, or (*is_last) the last good one that went with it.
 * Errors: OCS_REFUSED, it can be read in two ways or is none; OCS_BUSY, it went away. */
int ocs_trash_layout_index(struct ocs_store *store, const char *run, const char *layout,
                           struct ocs_index *out, bool *is_last, struct ocs_error *err);
/* That of the layout as it was last seen; an empty one when it is not registered. */
int ocs_trash_layout_now(struct ocs_store *store, const char *layout, struct ocs_index *out,
                         struct ocs_error *err);

struct ocs_trash_entries {
    struct ocs_merge_entry *items; /* borrow from the index */
    size_t count;
};
int ocs_trash_entries_fill(const struct ocs_index *index, struct ocs_trash_entries *out,
                           struct ocs_error *err);
void ocs_trash_entries_clear(struct ocs_trash_entries *entries);
#define auto_trash_entries __attribute__((cleanup(ocs_trash_entries_clear)))

/* What a run has of a layout that the layout, as it is `now`, could get back; nothing when it
 * cannot be read. */
struct ocs_trash_lack {
    size_t images;
    char first[OCS_DIGEST_BUF + OCS_LAYOUT_NAME_MAX]; /* ":<tag>" or "@<digest>"; cut when long */
};
void ocs_trash_layout_lacks(struct ocs_store *store, const char *run, const char *layout,
                            const struct ocs_index *now, struct ocs_trash_lack *out);

#endif
