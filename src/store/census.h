/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_CENSUS_H
#define OCS_STORE_CENSUS_H

/* Who lives in the store: what lies in blobs/, merged with the graph, in arrays
 * indexed by node id; and every layout's index.json, read afresh.
 *
 * Taking it opens and records every file that the graph has no row for, so that
 * afterwards each file in blobs/ has an id and, if it is a document, its edges. */

#include "census_layout.h"
#include "digest_list.h"

struct ocs_census {
    struct ocs_graph_view view;
    uint8_t *present;   /* by id: a regular file is in blobs/ */
    uint64_t files;     /* regular files named by a digest */
    char **temporaries; /* in blobs/, by the name of it: temporary.h */
    size_t temporary_count;
    uint64_t strangers;                /* everything else in blobs/ */
    struct ocs_census_layout *layouts; /* sorted by name */
    size_t layout_count;
    bool roots_damaged; /* a roots/ entry is damaged, or fewer than store.json counts */
    char *roots_trouble;
    const char *roots_help;        /* what to do about it */
    struct ocs_digest_list *names; /* private: the regular files */
    uint32_t *id_of;               /* private: by place in the list */
    uint32_t *place_of;            /* private: by id, the place in the list */
    uint32_t merged;               /* private: the place that the merge is at */
};

int ocs_census_take(struct ocs_store *store, unsigned jobs, struct ocs_census *out,
                    struct ocs_error *err);
/* The same for those who want ids alone: see ocs_census_layouts_read. */
int ocs_census_take_ids(struct ocs_store *store, unsigned jobs, struct ocs_census *out,
                        struct ocs_error *err);
void ocs_census_clear(struct ocs_census *census);

/* The layout of that name, or NULL. */
struct ocs_census_layout *ocs_census_find_layout(const struct ocs_census *census, const char *name);
/* The id of a digest, or OCS_CENSUS_NO_ID. */
int ocs_census_find(struct ocs_store *store, const struct ocs_census *census,
                    const struct ocs_digest *digest, uint32_t *id, struct ocs_error *err);
/* Files in the order of their digests: the id of number `place`, below census->files. */
uint32_t ocs_census_file(const struct ocs_census *census, uint32_t place);
/* The digest of a node that is present. */
void ocs_census_digest(const struct ocs_census *census, uint32_t id, struct ocs_digest *out);

/* Brings roots/ up to date with every good layout's index.json as it was read.
 * Needs the store lock. */
int ocs_census_remember(struct ocs_store *store, const struct ocs_census *census,
                        struct ocs_error *err);

/* Ids to `mark` and everything reachable from them: sets `bit` in live[id].
 * With `referrers`, documents whose subject is marked are marked too, to a
 * fix-point, unless they were listed once and are no longer (WAS_LISTED).
 * `live` has view.count bytes; linear in nodes and edges; no recursion. */
int ocs_census_reach(const struct ocs_census *census, const uint32_t *ids, size_t count,
                     bool referrers, uint8_t *live, uint8_t bit, struct ocs_error *err);

/* The same from every entry of every layout, with referrers. */
int ocs_census_reach_listed(const struct ocs_census *census, uint8_t *live, uint8_t bit,
                            struct ocs_error *err);

/* In the view alone, flags every entry as WAS_LISTED: one that goes must not come
 * back as somebody's referrer. */
void ocs_census_note_listed(struct ocs_census *census);

/* Sum over marked and present nodes. Sizes come from the graph. */
struct ocs_census_sum {
    uint64_t blobs;
    uint64_t bytes;
};
struct ocs_census_sum ocs_census_sum(const struct ocs_census *census, const uint8_t *live,
                                     uint8_t bit);

#endif
