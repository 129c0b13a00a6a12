/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_LISTING_H
#define OCS_STORE_LISTING_H

/* How many images each layout has and how large they are, as somebody who looked at
 * everything found it: .ocistore/listing (doc/store-format.md).  It is for people
 * to look at; nothing is decided by it, and deleting it loses nothing but time. */

#include "census.h"

struct ocs_listed {
    char *name;
    uint64_t images;
    uint64_t bytes;
    struct ocs_stamp stamp; /* of the index.json that was counted */
};

struct ocs_listing {
    struct ocs_listed *items; /* sorted by name */
    size_t count;
};
void ocs_listing_clear(struct ocs_listing *listing);
#define auto_listing __attribute__((cleanup(ocs_listing_clear)))

/* Absent or damaged: empty. */
int ocs_listing_read(struct ocs_store *store, struct ocs_listing *out, struct ocs_error *err);
/* What is known of a layout whose index.json is still the one that was counted, by
 * inode, size and times; else NULL. */
const struct ocs_listed *ocs_listing_find(struct ocs_store *store,
                                          const struct ocs_listing *listing,
                                          const struct ocs_root *root);

/* Counts every layout of a census and writes it down where that can be done.  What
 * was written within the last two seconds is left out: it may change unseen. */
void ocs_listing_remember(struct ocs_store *store, const struct ocs_census *census);

#endif
