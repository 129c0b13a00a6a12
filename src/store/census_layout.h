/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_CENSUS_LAYOUT_H
#define OCS_STORE_CENSUS_LAYOUT_H

/* The part of a census that is about layouts: every index.json, read afresh. */

#include "digest_list.h"
#include "store.h"

/* The id of an entry that neither the graph nor the disk ever saw. */
#define OCS_CENSUS_NO_ID UINT32_MAX

struct ocs_census_entry { /* of an index.json */
    uint32_t id;          /* or OCS_CENSUS_NO_ID */
    uint32_t entry;       /* its place among the index document's descriptors */
};

enum ocs_census_layout_state {
    OCS_LAYOUT_GOOD,
    OCS_LAYOUT_MISSING,    /* the folder is not there */
    OCS_LAYOUT_UNREADABLE, /* index.json is absent, no regular file, not to be read */
    OCS_LAYOUT_INVALID,    /* index.json is no index */
};

struct ocs_census_layout {
    struct ocs_root root;
    enum ocs_census_layout_state state;
    char *trouble;            /* why it is not GOOD; else NULL */
    enum ocs_status fault;    /* then: OCS_REFUSED (damaged, gone), OCS_FAILED (not to be read) */
    struct ocs_index_sum sum; /* of the bytes that were read */
    struct ocs_stamp stamp;   /* of the file that they were read from */
    struct ocs_index index;   /* empty where only ids were asked for */
    struct ocs_bytes unlike;  /* instead of it: bytes that roots/ does not hold yet */
    struct ocs_digest_list *digests; /* private: instead of it, until all ids are known */
    struct ocs_census_entry *entries;
    size_t count;
};

struct ocs_census_layouts {
    struct ocs_census_layout *items; /* sorted by name */
    size_t count;
    bool roots_damaged; /* a roots/ entry is damaged, or fewer than store.json counts */
    char *roots_trouble;
    const char *roots_help;
};
void ocs_census_layouts_clear(struct ocs_census_layouts *layouts);

/* The ids are not known yet.  With `ids_only` neither bytes nor documents are kept: a
 * hundredth of the memory. */
int ocs_census_layouts_read(struct ocs_store *store, unsigned jobs, bool ids_only,
                            struct ocs_census_layouts *out, struct ocs_error *err);

/* Asks `find` for the id of each entry. */
typedef int ocs_census_find_id(void *data, const struct ocs_digest *digest, uint32_t *id,
                               struct ocs_error *err);
int ocs_census_layouts_find(struct ocs_census_layouts *layouts, void *data,
                            ocs_census_find_id *find, struct ocs_error *err);

/* The digest of an entry; where only ids were asked for, of one that has none. */
void ocs_census_entry_digest(const struct ocs_census_layout *layout, size_t entry,
                             struct ocs_digest *out);

/* The index of a layout once more, where it was not kept.  Take it with
 * ocs_index_clear.  Positive OCS_CENSUS_CHANGED: it is not the one that was read. */
#define OCS_CENSUS_CHANGED 20
int ocs_census_layout_again(struct ocs_store *store, const struct ocs_census_layout *layout,
                            struct ocs_index *out, struct ocs_error *err);

#endif
