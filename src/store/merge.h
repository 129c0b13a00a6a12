/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_MERGE_H
#define OCS_STORE_MERGE_H

/* Entries into the index.json of a layout of the store, which is made when it is
 * not there.  Same tag, other digest: the tag moves, and the old entry goes; several new
 * entries of one tag have it together. */

#include "store.h"

struct ocs_merge_entry {
    char *text;      /* the descriptor as JSON */
    const char *ref; /* its org.opencontainers.image.ref.name, or NULL */
    struct ocs_digest digest;
};

/* Needs the store lock; takes the layout's.  Everything the entries reach must
 * be durable by now.  Brings roots/ up to date. Repeating it changes nothing. */
int ocs_merge(struct ocs_store *store, const char *layout, const struct ocs_merge_entry *entries,
              size_t count, struct ocs_error *err);

struct ocs_merge_outcome {
    bool added;            /* it got an entry that it had not */
    bool skipped;          /* its tag leads to something else: told as a notice, once */
    char skipped_ref[512]; /* then: the first such tag, cut when it is long */
    struct ocs_digest skipped_digest;
    char **told; /* private: such notices, also of calls before that had the same outcome */
    size_t told_count;
};
void ocs_merge_outcome_clear(struct ocs_merge_outcome *outcome);
#define auto_merge_outcome __attribute__((cleanup(ocs_merge_outcome_clear)))

/* The same, but a tag that the layout has stays where it is: for bringing back
 * what was there before.  *outcome is zeros before the first call, and is cleared in the end.
 * NULL: for all that the last good index.json lists of a layout whose folder is gone, which is
 * made anew then. */
int ocs_merge_missing(struct ocs_store *store, const char *layout,
                      const struct ocs_merge_entry *entries, size_t count,
                      struct ocs_merge_outcome *outcome, struct ocs_error *err);

/* How many entries ocs_merge_missing would add to an index, and which is the first. */
int ocs_merge_lacks(const struct ocs_index *index, const struct ocs_merge_entry *entries,
                    size_t count, size_t *lacking, size_t *first, struct ocs_error *err);

/* ocs_merge as part of an edit (edit.h): fills `change`; OCS_EDIT_NOTHING. */
int ocs_merge_change(struct ocs_store *store, const char *layout,
                     const struct ocs_merge_entry *entries, size_t count,
                     const struct ocs_index *index, struct ocs_index_edit *change,
                     struct ocs_error *err);

#endif
